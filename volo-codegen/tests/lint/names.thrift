struct item {
  1: i64 first_field
  2: i64 second_field
  3: i64 thirdField
  4: i64 Fourth_Field
  5: i64 plain
}

const i32 ItemsMax = 3

enum State { OPEN_ED = 1, CLOSED = 2, Half_open = 3 }

typedef i64 item_id

service Items {
  void getItem()
  void ListItems()
  void putItem()
}
