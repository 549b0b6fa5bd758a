struct A {}
struct B { 1: i32 a 2: i32 b; 3: i32 c, } (a = "b")
struct C { 1: required i32 a, 2: optional i32 b, 3: i32 c }
struct D { 1 : i32 _a, 2: i32 __b__, 3: i32 aB9, 32767: i32 d, 0x10: i32 e }
struct E { 1: string a = "q" (x = "y"), 2: i32 b () }
