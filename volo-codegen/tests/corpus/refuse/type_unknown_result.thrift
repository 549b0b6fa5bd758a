service S { Missing f() }
