namespace rs golden.type.names

struct Option { 1: i32 value }
struct Result { 1: optional i32 value }
struct String { 1: string value }
struct Vec { 1: list<i32> value }
struct Box { 1: optional Box inner, 2: list<Box> many }
struct Default { 1: i32 value = 3 }
struct Clone { 1: set<i32> value }
struct Send {}
struct Sync {}
struct From {}
struct Some { 1: optional i32 value = 1 }
enum Ok { A, B }
enum Err { self, Self, crate, a_b, aB }
union None { 1: i32 some, 2: string none }

struct keyword {
  1: i32 type,
  2: i32 gen,
  3: i32 dyn,
  4: i32 box,
  5: i32 _leading,
  6: i32 fooBar,
  7: i32 foo_bar,
  8: i32 FooBAR,
  9: i32 Crate,
  10: i32 reader,
  11: i32 state,
  12: i32 field,
}

struct EchoServiceEchoArgs { 1: i32 theirs }
struct EchoServiceClient { 1: i32 theirs }
struct TMF { 1: i32 x }
struct snake_case_name { 1: i32 x }
struct SnakeCaseName { 1: i32 x }
struct H { 1: i32 x }
struct lower {}

exception Oops { 1: string message }

const i32 value = 1
const i32 Value = 2
const i32 VALUE = 3
const list<Ok> oks = [Ok.A, Ok.B]
