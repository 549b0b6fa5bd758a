const i32 a =
