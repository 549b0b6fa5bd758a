typedef i32 T
const T a = "s"
