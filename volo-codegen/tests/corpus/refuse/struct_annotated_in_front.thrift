struct A (a = "b") { }
