enum E { A }
const E a = E.C
