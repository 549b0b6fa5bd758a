exception X {}
service S { void f(1: optional i32 a) throws (1: optional X x) }
