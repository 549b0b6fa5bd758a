struct A { 1: opt i32 a }
