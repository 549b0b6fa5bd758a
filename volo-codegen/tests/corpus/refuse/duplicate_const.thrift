const i32 a = 1
const i32 a = 2
