struct A { 1: i32 (a = "b") a, 2: list<i32> (c = "d") b, 3: map<string (x), i32 (y)> (z) c }
