struct B {}
typedef B (a = "b") T (c = "d")
struct A { 1: B (a = "b", c) u, 2: list<B (d)> v }
service S { B (a = "b") f(1: B (c) b) }
