const string a = "new
line"
