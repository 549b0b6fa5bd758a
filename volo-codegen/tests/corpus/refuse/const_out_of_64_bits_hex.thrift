const i64 a = 0xffffffffffffffff
