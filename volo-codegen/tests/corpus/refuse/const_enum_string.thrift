enum E { A }
const E a = "A"
