service S { f() }
