struct A { 1: B a = {"x": 1} }
struct B { 1: i32 x }
