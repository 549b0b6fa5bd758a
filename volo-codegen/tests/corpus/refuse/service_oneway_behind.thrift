service S { void f() oneway }
