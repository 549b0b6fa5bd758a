// With `keep_unknown_fields`.
namespace rs golden.kept

struct Item {
  1: required string id,
  2: optional list<Part> parts,
}

struct Part {
  1: i32 number,
  /** Of the IDL itself. */
  2: string unknown_fields = "none",
}

struct Nothing {}

exception Gone {
  1: string message,
}

union Either {
  1: Item item,
  2: i32 number,
}

service Store {
  Item load(1: string id) throws (1: Gone gone),
}

const Item ITEM = {"id": "1", "parts": []}
