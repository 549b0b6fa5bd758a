const bool a = 1.5
