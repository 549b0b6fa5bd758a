const i32 a = 3
const i32 b = const_own_stem.a
