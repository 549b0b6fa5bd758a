service S { void f(1: void a) }
