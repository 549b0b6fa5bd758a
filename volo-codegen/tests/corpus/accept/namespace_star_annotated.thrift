namespace * a (x = "y")
