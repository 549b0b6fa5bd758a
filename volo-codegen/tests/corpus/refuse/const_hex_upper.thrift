const i64 a = 0X10
