const string a = 3
