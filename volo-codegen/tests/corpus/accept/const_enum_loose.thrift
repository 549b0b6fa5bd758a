enum E { A, B }
enum F { A, C }
typedef E T
const E X = F.A
const T Y = A
