const i32 a = 1
struct a {}
