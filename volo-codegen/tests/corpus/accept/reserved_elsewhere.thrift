struct A { 1: i32 self, 2: i32 class, 3: i32 delete }
