service S { void f(1: Missing a) }
