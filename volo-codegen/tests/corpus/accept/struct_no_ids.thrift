struct A { i32 a, optional i32 b; 5: i32 c, string d }
service S { void f(i32 a, i32 b) }
