const string s = true
