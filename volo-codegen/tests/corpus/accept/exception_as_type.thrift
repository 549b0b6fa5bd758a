exception A {}
struct B { 1: A a, 2: list<A> b }
service S { A f(1: A a) }
