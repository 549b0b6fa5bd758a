typedef i32 T;
typedef i64 U,
typedef T V
typedef list<i32 (a = "b")> (c = "d") W (e = "f", g, h.i = "j"; k = "l" m)
typedef Later X
struct Later { 1: X x }
