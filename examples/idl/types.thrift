/** One field of every type, to be sent back; `evolved.thrift` of the interop programs is its successor. */
namespace rs types

enum Colour {
  RED = 1
  GREEN = 2
  BLUE = 4
}

struct Point {
  1: i32 x
  2: i32 y
}

union Shape {
  1: Point point
  2: double radius
  3: list<Point> path
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
  /** Far from its neighbour, so that Compact writes the id in full. */
  1000: optional string farString
  1001: optional bool farBool
}

exception Refused {
  1: required string reason
}

service TypesService {
  Types echo(1: Types value)
  /** Always throws. */
  void refuse(1: string reason) throws (1: Refused refused)
  /** Counts up a number that `count` reads. */
  oneway void bump(1: i32 by)
  i32 count()
}
