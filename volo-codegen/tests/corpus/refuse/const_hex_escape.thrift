const string a = "x\x41"
