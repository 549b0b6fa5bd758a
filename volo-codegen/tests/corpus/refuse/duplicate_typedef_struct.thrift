typedef i32 T
struct T {}
