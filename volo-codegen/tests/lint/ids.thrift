struct Item {
  1: i64 id
  3: string title
  2: string text
  8: string again
} (reserved = "4, 7-9, x")

enum Colour {
  RED = 1
  GREEN
  BLUE = 5
} (reserved = "5")

service Items {
  Item get(2: i64 id, 1: i64 version) (reserved = "1")
}
