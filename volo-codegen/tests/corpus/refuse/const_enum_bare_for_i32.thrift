enum E { A, B }
const i32 a = B
