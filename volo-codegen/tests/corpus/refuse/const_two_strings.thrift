const string a = 'a' 'b'
