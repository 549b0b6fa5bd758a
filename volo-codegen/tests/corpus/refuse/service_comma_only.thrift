service S { void f(,) }
