const i32 a = a
