typedef list<T> T
struct A { 1: T t }
