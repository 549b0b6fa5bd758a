enum E { A, B = 5 }
typedef E T
const E X = E.A
const E Y = 5
const i32 Z = E.B
const i8 W = E.B
const T V = E.A
const T U = T.A
const T S = 0
const map<E, string> M = {E.A: "a", E.B: "b"}
const bool R = E.A
const double Q = E.B
