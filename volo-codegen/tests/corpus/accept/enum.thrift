enum A { }
enum B { X, Y Z; W = 5, V (x = "y"), U = -1; T = 0x10 (a = "b") } (z = "q")
enum C { X = 1, Y = 1 }
enum D { MIN = -2147483648, MAX = 2147483647 }
enum E { ON = true }
