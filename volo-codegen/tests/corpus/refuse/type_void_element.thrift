service S { list<void> f() }
