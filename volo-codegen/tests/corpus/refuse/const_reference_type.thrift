const i32 a = 3
const string b = a
