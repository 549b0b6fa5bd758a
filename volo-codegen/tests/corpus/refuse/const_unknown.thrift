const i32 a = missing
