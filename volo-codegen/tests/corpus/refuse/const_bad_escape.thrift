const string a = "x\q"
