// Every type, requiredness and position.
namespace rs golden.types

/** Where an order is. */
enum OrderState {
  /** Just received. */
  ACKNOWLEDGED = 0,
  IN_PROGRESS,
  /** Handed over. */
  COMPLETED = 10,
  cancelled = -1,
  ALIAS = 10
}

enum Nothing {}

typedef i64 Timestamp
typedef map<string, double> Weights
typedef list<Price> Prices

/** An amount of money. */
struct Price {
  /** Units of `currency`; see [Money] in a<b>. */
  1: required double amount,
  2: required string currency = "EUR",
}

struct Empty {}

/** One of every base type. */
struct Scalars {
  1: bool flag,
  2: byte tiny,
  3: i8 small,
  4: i16 medium,
  5: i32 number,
  6: i64 large,
  7: double real,
  8: string text,
  9: binary data,
  10: uuid id,
  11: OrderState state,
  12: Timestamp at,
}

struct Optionals {
  1: optional bool flag,
  2: optional i32 number,
  3: optional double real,
  4: optional string text,
  5: optional binary data,
  6: optional uuid id,
  7: optional OrderState state,
  8: optional Price price,
  9: optional list<string> list,
  10: optional map<i32, string> map,
}

struct Required {
  1: required bool flag,
  2: required i32 number,
  3: required string text,
  4: required Price price,
  5: required list<Price> prices,
  6: optional string note,
}

/** Containers, also nested. */
struct Containers {
  1: list<i32> numbers,
  2: set<string> names,
  3: map<string, i64> counts,
  4: Prices prices,
  5: map<string, list<map<i32, set<OrderState>>>> nested,
  6: list<list<list<double>>> cube,
  7: Weights weights,
  8: list<bool> flags,
  9: list<Empty> empties,
}

/** Anything that is a key is ordered all the way down. */
struct Keys {
  1: map<Key, string> by_key,
  2: set<list<double>> sequences,
  3: set<set<i32>> sets,
  4: map<map<string, double>, double> maps,
  5: set<Weights> weights,
  6: set<Choice> choices,
}

struct Key {
  1: double ratio,
  2: map<string, Inner> inner,
  3: optional set<i32> numbers,
}

struct Inner {
  1: double value = 0.5,
}

/** A tree: parent and children. */
struct Node {
  1: string name,
  2: optional Node parent,
  3: list<Node> children,
  4: Price & price,
}

struct Ping { 1: optional Pong pong }
struct Pong { 1: optional Ping ping }

/** One of several. */
union Choice {
  /** Words. */
  1: string text,
  2: i64 number,
  3: Nested nested,
  4: binary URL,
}

struct Nested { 1: list<Choice> choices }

union Value {
  1: i32 unknown,
  2: Value inner,
}

union Preset {
  1: i32 number = 7,
  2: string text,
}

exception NotFound {
  1: string id,
  2: optional string message,
}

exception Plain {
  1: i32 code,
}

struct Defaults {
  1: bool flag = true,
  2: i8 tiny = -8,
  3: i16 small = 16,
  4: i32 number = 32,
  5: i64 large = -9223372036854775808,
  6: double real = 1.5e10,
  7: string text = "say \"hi\"\n",
  8: OrderState state = OrderState.COMPLETED,
  9: list<i32> numbers = [1, 2, 3],
  10: set<string> names = ["a", "b"],
  11: map<string, i32> counts = {"a": 1, "b": 2},
  12: Price price = {"amount": 9.99},
  13: optional i32 maybe = 5,
  14: optional string never,
  15: Price & boxed = {"amount": 1, "currency": "USD"},
  16: Choice choice = {"text": "x"},
  17: i32 zero = 0,
  18: list<string> nothing = [],
  19: Nested nested = {"choices": [{"number": 1}, {"text": "two"}]},
}

/** Arms of very different sizes. */
union Mixed {
  1: bool small,
  2: Defaults large,
  3: bool MixedUp,
}

union Common {
  1: i32 commonNumber,
  2: i32 commonText,
  3: i32 commonFlag,
}

exception Big {
  1: Defaults defaults,
  2: Scalars scalars,
}

const double ABOUT_PI = 3.14159
const double ABOUT_E = 2.718
const map<string, map<string, map<i32, list<map<string, set<list<string>>>>>>> COMPLEX = {}

struct Complex {
  1: map<string, map<string, map<i32, list<map<string, set<list<string>>>>>>> complex,
  2: optional map<string, map<string, map<i32, list<map<string, set<list<string>>>>>>> maybe,
  3: double tau = 6.28,
}

service Lints {
  map<string, map<string, map<i32, list<map<string, set<list<string>>>>>>> complex(1: map<Key, map<string, map<i32, list<map<string, set<list<string>>>>>>> complex) throws (1: Big big, 2: Plain plain),
  void from_this(),
  void into_that(),
  void to_it(),
  void is_it(),
  void new(),
}
