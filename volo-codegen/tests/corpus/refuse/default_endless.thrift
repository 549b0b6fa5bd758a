struct A { 1: A a = {} }
