const string a = "open
