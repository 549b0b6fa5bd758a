enum E { A }
const E a = 7
