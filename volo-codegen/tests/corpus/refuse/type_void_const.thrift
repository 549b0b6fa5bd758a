const void a = 1
