namespace * shop (a = "b")
