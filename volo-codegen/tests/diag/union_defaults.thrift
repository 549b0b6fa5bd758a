union Value {
  1: i64 number = 1,
  2: string text = "a",
}
