/** types.thrift of the examples, some releases later: every type once more, in fields the server doesn't know. */

enum Colour {
  RED = 1
  GREEN = 2
  BLUE = 4
  /** New. */
  VIOLET = 8
}

struct Point {
  1: i32 x
  2: i32 y
  /** New. */
  3: optional i32 z
}

union Shape {
  1: Point point
  2: double radius
  3: list<Point> path
}

/** New. */
struct Extra {
  1: optional bool flag
  2: optional string text
  3: optional list<Extra> inner
}

struct Types {
  1: required string name
  2: optional bool aBool
  3: optional i8 anI8
  4: optional i16 anI16
  5: optional i32 anI32
  6: optional i64 anI64
  7: optional double aDouble
  8: optional string aString
  9: optional binary aBinary
  10: optional Colour anEnum
  11: optional Point aStruct
  12: optional Shape aUnion
  13: optional list<bool> bools
  14: optional list<i8> i8s
  15: optional list<i16> i16s
  16: optional list<i32> i32s
  17: optional list<i64> i64s
  18: optional list<double> doubles
  19: optional list<string> strings
  20: optional list<Point> points
  21: optional set<string> stringSet
  22: optional set<i64> i64Set
  23: optional map<string, i32> numbers
  24: optional map<i32, Point> pointsById
  25: optional map<string, bool> flags
  26: optional list<map<string, list<i32>>> nested
  27: optional list<Types> children
  28: bool plainBool
  29: i64 plainI64
  1000: optional string farString
  1001: optional bool farBool

  101: optional bool newBool
  102: optional i8 newI8
  103: optional i16 newI16
  104: optional i32 newI32
  105: optional i64 newI64
  106: optional double newDouble
  107: optional string newString
  108: optional binary newBinary
  109: optional Colour newEnum
  110: optional Extra newStruct
  111: optional list<bool> newBools
  112: optional list<i8> newI8s
  113: optional list<i32> newI32s
  114: optional list<double> newDoubles
  115: optional list<string> newStrings
  116: optional list<Extra> newStructs
  117: optional set<i64> newSet
  118: optional map<string, i32> newMap
  119: optional map<string, list<map<i64, Extra>>> newNested
  120: optional map<bool, bool> newBoolMap
  121: optional list<i32> newEmptyList
  122: optional map<i32, i32> newEmptyMap
  2000: optional bool newFarBool
}

exception Refused {
  1: required string reason
  /** New. */
  2: optional i32 code
}

service TypesService {
  Types echo(1: Types value, 2: bool newArgument, 3: list<Extra> newArguments)
  void refuse(1: string reason) throws (1: Refused refused)
  oneway void bump(1: i32 by)
  i32 count()
  /** New: the server has no such method. */
  void later()
}
