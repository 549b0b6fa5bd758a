struct A { 1.5: i32 a }
