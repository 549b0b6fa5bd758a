struct A { 1: B b, 2: list<C> c, 3: D d }
struct B {}
enum C { X }
typedef i32 D
service S { E f(1: E e) }
struct E {}
