const i32 MASK = 0xFFFFFFFF
const i8 B = 0x80
