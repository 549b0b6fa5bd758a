struct S { 1: i32 x }
const S X = {"x": 1}
const S Y = X
