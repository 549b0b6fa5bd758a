const i8 A = -128
const i16 B = 32767
const i32 C = +5
const i64 D = 9223372036854775807
const i64 E = -9223372036854775808
const i64 F = 0x7fffffffffffffff
const i64 G = -0x10
const i64 H = +0x10
const double I = 1
const double J = 1.5
const double K = .5
const double L = 1e5
const double M = +1.5E-3
const double N = true
const i32 O = true
const bool P = false
const bool Q = 1
const i32 R = 1, const i32 S = 2; const i32 T = 3
