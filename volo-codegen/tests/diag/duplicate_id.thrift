struct Item {
  1: string id,
  2: string name,
  2: string title,
}
