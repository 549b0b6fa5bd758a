typedef T U
typedef U T
struct A { 1: T t }
