const i32 B = A
const i32 A = 3
