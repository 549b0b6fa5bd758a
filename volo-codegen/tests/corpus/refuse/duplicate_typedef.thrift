typedef i32 T
typedef i64 T
