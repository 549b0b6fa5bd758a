const i32 a = 1.5
