const i8 a = 300
