struct A { 1: A a }
struct B { 1: required C c }
struct C { 1: optional B b, 2: list<C> c }
struct D { 1: D & d, 2: i32 & e, 3: list<D> & f }
struct F { 1: required F f }
