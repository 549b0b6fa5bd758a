const string A = "tab\t hex\x41"
