struct A { 1: map cpp_type "x" <i32, i32> a, 2: set cpp_type "y" <i32> b, 3: list<i32> cpp_type "w" c }
