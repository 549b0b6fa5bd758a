// With `serde`.
namespace rs golden.json

enum Colour { RED = 1, darkBlue = 2 }

/** All names follow one rule. */
struct Offering {
  1: string id,
  2: optional string lifecycleStatus,
  3: list<Price> productOfferingPrice,
  4: map<string, Colour> colours,
  5: i32 version = 3,
  6: optional i32 stock = 1,
  7: optional Offering parent,
  8: uuid type,
}

struct Price {
  1: required double amount,
  2: required string currency_unit,
  3: string label,
  4: i32 Quantity = 1,
  5: optional i32 percentage = 100,
  6: optional string note,
  7: i64 self = 7 (pilota.serde_attribute = "#[serde(rename = \"this\", default)]"),
}

struct Renamed {
  1: string productName,
  2: binary raw (pilota.serde_attribute = 'serde(skip)'),
  3: map<Colour, double> weights,
  4: set<double> numbers,
  5: string some_name (pilota.rust_wrapper_arc = "true"),
} (pilota.serde_attribute = "#[serde(rename_all = \"SCREAMING_SNAKE_CASE\")]")

union Choice {
  1: string text,
  2: Price thePrice,
}

union Odd {
  1: i32 one_number,
  2: bool FLAG,
}

struct Nothing {}

exception Failed {
  1: string message,
}

service Shop {
  list<Offering> find(1: string someText, 2: i32 limit = 10) throws (1: Failed failed),
}
