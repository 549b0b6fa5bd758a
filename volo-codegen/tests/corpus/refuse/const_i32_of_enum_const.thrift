enum E { A }
const E a = E.A
const i32 b = a
