service S { void f() }
service T extends S { void f() }
