struct Item {
  1: map extra,
  2: list names
}
