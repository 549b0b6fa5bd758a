struct Item {
  1: string id
  2: string name

service Catalog {
  Item get(1: string id)
}
