typedef Missing T
