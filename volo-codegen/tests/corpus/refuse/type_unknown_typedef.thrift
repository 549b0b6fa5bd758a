typedef Missing T
struct A { 1: T t }
