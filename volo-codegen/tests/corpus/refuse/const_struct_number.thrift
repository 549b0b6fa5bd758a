struct S { 1: i32 x }
const S a = 1
