struct A { 1: i32 cpp_type }
