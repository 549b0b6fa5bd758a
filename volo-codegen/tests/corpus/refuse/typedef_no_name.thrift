typedef i32
