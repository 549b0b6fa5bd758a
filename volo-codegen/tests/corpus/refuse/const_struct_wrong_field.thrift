struct S { 1: i32 x }
const S a = {"x": "y"}
