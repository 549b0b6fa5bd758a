struct A
