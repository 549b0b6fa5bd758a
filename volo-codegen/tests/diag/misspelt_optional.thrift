struct Item {
  1: opt i32 price,
  2: requird list<string> tags,
}
