struct A { 1: list<> a }
