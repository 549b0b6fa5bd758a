service S { void a.b() }
