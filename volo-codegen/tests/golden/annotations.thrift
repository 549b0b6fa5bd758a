namespace rs golden.annotations

struct Inner {
  1: list<string> items,
}

struct Annotated {
  1: string owned = "owned" (pilota.rust_type = "string"),
  2: optional string maybeOwned (pilota.rust_type = "string"),
  3: binary bytes = "bytes" (pilota.rust_type = "vec"),
  4: map<string, i32> ordered = {"b": 2, "a": 1} (pilota.rust_type = "btree"),
  5: set<i32> numbers (pilota.rust_type = "btree"),
  6: Inner shared = {"items": ["a"]} (pilota.rust_wrapper_arc = "true"),
  7: optional Inner maybe (pilota.rust_wrapper_arc = "true"),
  8: i32 type (pilota.name = "kind"),
}

/** Every map of it is ordered. */
struct Ordered {
  1: map<string, string> first,
  2: set<string> second,
} (pilota.rust_type = "btree")

union Shared {
  1: Inner inner = {"items": []} (pilota.rust_wrapper_arc = "true"),
  2: string text (pilota.rust_type = "string"),
}

struct old_name { 1: i32 x } (pilota.name = "NewName")

enum Colour {
  light_red = 1,
  DARK = 2 (pilota.name = "Dim"),
}

exception Failure {
  1: string message (pilota.rust_type = "string"),
}

const Annotated ANNOTATED = {"owned": "mine", "shared": {"items": ["x"]}, "ordered": {"z": 1}}
