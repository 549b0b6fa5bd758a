const i32 a = b
const i32 b = a
