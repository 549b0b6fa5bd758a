const i32 a = "x"
