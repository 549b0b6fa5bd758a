struct A { 1: list cpp_type "z" <i32> a }
