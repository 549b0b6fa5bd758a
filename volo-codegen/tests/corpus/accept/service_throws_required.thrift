exception X {}
service S { void f() throws (1: required X x, X y) }
