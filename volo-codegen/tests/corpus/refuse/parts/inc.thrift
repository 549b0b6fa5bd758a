struct S { 1: i32 x }
typedef i32 T
enum E { A, B }
const i32 C = 7
const list<i32> L = [1, C]
service V { void g() }
exception X {}
