struct A { -5: i32 a, i32 b, -2: i32 c, 0: i32 d }
