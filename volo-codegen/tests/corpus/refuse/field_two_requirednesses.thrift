struct A { 1: optional required i32 a b }
