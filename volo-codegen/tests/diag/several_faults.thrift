struct Item {
  1 string id,
  2: Missing a,
  3: string name = 5,
  3: i32 count,
}

enum Colour { RED = "r", GREEN }

service Catalog {
  Item get(1: string id) throws (1: Item x)
  void (1: i32 a)
  oneway void put(1: Item item),
}
