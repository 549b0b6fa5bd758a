const double a = 1.5
const i32 b = a
