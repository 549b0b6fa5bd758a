struct A { 1: type_own_stem.B b }
struct B {}
