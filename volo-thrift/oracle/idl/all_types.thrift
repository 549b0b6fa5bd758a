namespace rs generated

/** Every type, plain and optional, ids near, far and backwards. */
struct AllTypes {
  1: bool flag,
  2: i8 tiny,
  3: i16 small,
  4: i32 medium,
  5: i64 large,
  6: double ratio,
  7: string text,
  8: binary blob,
  9: uuid uuid,
  11: optional bool maybe_flag,
  12: optional i8 maybe_tiny,
  13: optional i16 maybe_small,
  14: optional i32 maybe_medium,
  15: optional i64 maybe_large,
  16: optional double maybe_ratio,
  17: optional string maybe_text,
  18: optional binary maybe_blob,
  19: optional uuid maybe_uuid,
  21: list<bool> flags,
  22: list<i8> tinies,
  23: list<i16> smalls,
  24: list<i32> mediums,
  25: list<i64> larges,
  26: list<double> ratios,
  27: list<string> texts,
  28: list<binary> blobs,
  29: list<uuid> uuids,
  100: Inner inner,
  120: optional list<Inner> inners,
  119: optional AllTypes parent,
  1000: set<string> set,
  1001: map<string, i64> map,
  1002: set<i32> ordered_set (pilota.rust_type = "btree"),
  1003: map<i64, list<string>> ordered_map (pilota.rust_type = "btree"),
  30000: list<list<i32>> lists,
  30001: list<map<i8, bool>> maps,
}

/** A small struct with gaps between its ids. */
struct Inner {
  1: string name,
  15: i64 value,
  16: bool on,
}

/** Ids fifteen apart: one byte in Compact for most, two for Apache's Rust crate; both are right. */
struct Spaced {
  15: i64 first,
  30: bool second,
}

enum Kind {
  FIRST = 1,
  LAST = 2147483647,
  LEAST = -2147483648,
}

union Choice {
  1: bool flag,
  3: Kind kind,
  20: list<Choice> choices,
  21: Inner inner,
}

/** What plain structs lack: required fields, defaults, keys that are structs, doubles and containers. */
struct Composite {
  1: required bool flag,
  2: required Kind kind = Kind.FIRST,
  3: optional Choice choice,
  4: map<Spaced, list<Kind>> by_spaced,
  5: set<double> ratios,
  6: map<list<string>, set<i64>> sets,
  7: string text = "default",
}
