struct A { },
