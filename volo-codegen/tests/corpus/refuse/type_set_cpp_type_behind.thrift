struct A { 1: set<i32> cpp_type "w" a }
