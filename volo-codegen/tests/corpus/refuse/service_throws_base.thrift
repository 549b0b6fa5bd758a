service S { void f() throws (1: i32 x) }
