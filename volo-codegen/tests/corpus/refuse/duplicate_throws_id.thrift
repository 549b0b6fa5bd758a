exception X {}
service S { void f() throws (1: X a, 1: X b) }
