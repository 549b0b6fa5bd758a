/**
 * What the programs of all languages speak with each other.
 *
 * The samples are constants, so every side has them from its own compiler: a server compares what it decoded with its
 * own copy before it answers, and so does the client with the answer. A fault that two ends share can't hide.
 */
namespace rs peer
namespace go interop
namespace py interop
namespace cpp interop

typedef i64 Stamp

enum Colour {
  RED = 1
  GREEN = 2
  BLUE = 4
}

struct Paint {
  1: required Colour colour
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

/** Neither optional nor required. */
struct Plain {
  1: bool aBool
  2: i64 anI64
  3: string aString
  4: i32 withDefault = 42
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
  10: optional Paint paint
  11: optional Point aStruct
  12: optional Shape aUnion
  13: optional list<bool> bools
  14: optional list<i8> i8s
  15: optional list<i16> i16s
  16: optional list<i32> i32s
  17: optional list<i64> i64s
  18: optional list<double> doubles
  19: optional list<string> strings
  20: optional list<binary> binaries
  21: optional list<Point> points
  22: optional list<Colour> colours
  23: optional set<string> stringSet
  24: optional set<i64> i64Set
  25: optional map<string, i32> numbers
  26: optional map<i32, Point> pointsById
  27: optional map<i64, bool> flags
  28: optional map<Colour, string> colourNames
  29: optional map<i8, list<double>> series
  30: optional list<map<string, list<i32>>> nested
  31: optional list<list<list<i16>>> cube
  32: optional list<Types> children
  33: optional Stamp aStamp
  34: optional Plain plain
  /** Far from its neighbour, so that Compact writes the id in full. */
  1000: optional string farString
  1001: optional bool farBool
}

struct Extra {
  1: optional bool flag
  2: optional string text
  3: optional list<Extra> inner
}

/** Some releases after `Types`: every type once more, in fields that the older one doesn't know. */
struct Later {
  1: required string name
  2: optional bool aBool
  8: optional string aString
  13: optional list<bool> bools
  34: optional Plain plain
  101: optional bool newBool
  102: optional i8 newI8
  103: optional i16 newI16
  104: optional i32 newI32
  105: optional i64 newI64
  106: optional double newDouble
  107: optional string newString
  108: optional binary newBinary
  109: optional Paint newPaint
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
  123: optional Shape newUnion
  1001: optional bool farBool
  2000: optional bool newFarBool
}

/** What arrived is not the sample of this name. */
exception Mismatch {
  1: required string name
}

exception Refused {
  1: required string reason
  2: optional i32 code
  3: optional Point where
}

service Interop {
  /** Takes a sample, and only that; gives it back. */
  Types echo(1: Types value) throws (1: Mismatch mismatch)
  /** The same for what is left of `LATER`. */
  Types echoEarlier(1: Types value) throws (1: Mismatch mismatch)
  /** One of `LATER`. */
  Later later(1: string name) throws (1: Mismatch mismatch)
  binary reverse(1: binary value)
  double scale(1: double value, 2: i32 by)
  void nothing()
  /** Throws `Refused`; `Mismatch` if the code is negative. */
  string refuse(1: i32 code) throws (1: Mismatch mismatch, 2: Refused refused)
  /** Its handler fails. */
  string fail(1: string text)
  /** Counts up a number that `count` reads. */
  oneway void bump(1: i32 by)
  i32 count()
  /** Answers after a while. */
  string sleep(1: i32 durationMs, 2: string text)
  /** The server begins to shut down, as if it had got a signal. */
  oneway void stop()
}

/** What a handler sees of the call it serves. */
struct Seen {
  1: required string serviceName
  2: required string methodName
  3: required map<string, string> persistent
  /** What the hop before sent as transient. */
  4: required map<string, string> upstream
  /** Time until the deadline; 0 is none. */
  5: required i64 leftMs
  6: required string caller
}

/** The second service of a server: what TTHeader carries beside the payload. */
service Probe {
  Seen seen()
  /** Calls `seen` of the server at this address and gives its answer; sets `hop` and its own transient value. */
  Seen relay(1: string address)
  /** Sends the pairs back as backward metainfo. */
  void backward(1: map<string, string> pairs)
  /** Ends with a business status. */
  string business(1: i32 code, 2: string message, 3: map<string, string> extra)
}

const list<Types> SAMPLES = [
  {"name": "nothing else"}
  {"name": "plain fields", "plain": {"aBool": 1, "anI64": -7, "aString": "text", "withDefault": 43}}
  {"name": "plain fields with zeroes", "plain": {"aBool": 0, "anI64": 0, "aString": "", "withDefault": 0}}
  {"name": "bool true", "aBool": 1}
  {"name": "bool false", "aBool": 0}
  {"name": "bool false beside a string", "aBool": 0, "aString": "beside"}
  {"name": "i8 most", "anI8": 127}
  {"name": "i8 least", "anI8": -128}
  {"name": "i16 most", "anI16": 32767}
  {"name": "i16 least", "anI16": -32768}
  {"name": "i32 most", "anI32": 2147483647}
  {"name": "i32 least", "anI32": -2147483648}
  {"name": "i64 most", "anI64": 9223372036854775807}
  {"name": "i64 least", "anI64": -9223372036854775808}
  {"name": "double", "aDouble": -0.0000012345678}
  {"name": "double with many digits", "aDouble": 179769313486231570.0}
  {"name": "string", "aString": "short"}
  {"name": "string empty", "aString": ""}
  {"name": "string of many bytes per letter", "aString": "ünï → 漢字 🦀"}
  {"name": "binary", "aBinary": "bytes"}
  {"name": "enum", "paint": {"colour": Colour.BLUE}}
  {"name": "struct", "aStruct": {"x": -1, "y": 2}}
  {"name": "union of a struct", "aUnion": {"point": {"x": 1, "y": -2}}}
  {"name": "union of a double", "aUnion": {"radius": 0.5}}
  {"name": "union of a list", "aUnion": {"path": [{"x": 1, "y": 2}, {"x": 3, "y": 4}]}}
  {"name": "list of bool", "bools": [1, 0, 1, 1, 0, 0, 1, 0, 1, 1, 0, 0, 1, 0, 1, 1, 0, 0]}
  {"name": "list of i8", "i8s": [-128, -1, 0, 1, 127]}
  {"name": "list of i16", "i16s": [-32768, -300, 0, 300, 32767]}
  {"name": "list of i32", "i32s": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, -2147483648]}
  {"name": "list of i64", "i64s": [9223372036854775807, -1, 4294967296]}
  {"name": "list of double", "doubles": [0.1, -2.5, 0.0000000001]}
  {"name": "list of string", "strings": ["", "a", "bb", "ccc"]}
  {"name": "list of binary", "binaries": ["", "a", "bb"]}
  {"name": "list of struct", "points": [{"x": 1, "y": 2}, {"x": 0, "y": 0}]}
  {"name": "list of enum", "colours": [Colour.RED, Colour.BLUE, Colour.RED]}
  {"name": "list empty", "strings": [], "points": [], "bools": []}
  {"name": "set of string", "stringSet": ["a", "b", "c"]}
  {"name": "set of i64", "i64Set": [1, 4611686018427387904, -5]}
  {"name": "map of string to i32", "numbers": {"one": 1, "two": 2, "": 0}}
  {"name": "map of i32 to struct", "pointsById": {-7: {"x": 1, "y": 2}, 7: {"x": 0, "y": 0}}}
  {"name": "map of i64 to bool", "flags": {1: 1, 2: 0}}
  {"name": "map of enum to string", "colourNames": {Colour.RED: "red", Colour.GREEN: "green"}}
  {"name": "map of i8 to list", "series": {-1: [0.5, 1.5], 1: []}}
  {"name": "map empty", "numbers": {}, "pointsById": {}}
  {"name": "maps in a list", "nested": [{"a": [1, 2], "b": []}, {}]}
  {"name": "lists in lists", "cube": [[[1, 2], []], [], [[-3]]]}
  {"name": "structs in themselves", "children": [
    {"name": "child", "aBool": 0, "children": [
      {"name": "grandchild", "farBool": 1}
    ]}
    {"name": ""}
  ]}
  {"name": "typedef", "aStamp": 1700000000000}
  {"name": "string far from its neighbour", "farString": "far"}
  {"name": "bool far from its neighbour", "farBool": 0}
  {
    "name": "everything", "aBool": 1, "anI8": 8, "anI16": 16, "anI32": 32, "anI64": 64, "aDouble": 6.4
    "aString": "text", "aBinary": "bytes", "paint": {"colour": Colour.GREEN}, "aStruct": {"x": 1, "y": 2}
    "aUnion": {"radius": 2.5}, "bools": [1, 0], "i8s": [8], "i16s": [16], "i32s": [32], "i64s": [64]
    "doubles": [6.4], "strings": ["text"], "binaries": ["bytes"], "points": [{"x": 1, "y": 2}]
    "colours": [Colour.GREEN], "stringSet": ["a"], "i64Set": [64], "numbers": {"a": 1}
    "pointsById": {1: {"x": 1, "y": 2}}, "flags": {1: 1}, "colourNames": {Colour.RED: "red"}
    "series": {8: [6.4]}, "nested": [{"a": [1]}], "cube": [[[1]]]
    "children": [{"name": "child"}]
    "aStamp": 1, "farString": "far", "farBool": 1
    "plain": {"aBool": 1, "anI64": 64, "aString": "text", "withDefault": 42}
  }
]

/** The name says which type older sides don't know. What they know of each is in `EARLIER`, in the same order. */
const list<Later> LATER = [
  {"name": "bool true", "newBool": 1}
  {"name": "bool false", "newBool": 0}
  {"name": "i8", "newI8": -1}
  {"name": "i16", "newI16": -300}
  {"name": "i32", "newI32": 2147483647}
  {"name": "i64", "newI64": -9223372036854775808}
  {"name": "double", "newDouble": 2.5}
  {"name": "string", "newString": "unknown"}
  {"name": "binary", "newBinary": "unknown"}
  {"name": "enum", "newPaint": {"colour": Colour.BLUE}}
  {"name": "struct", "newStruct": {"flag": 1, "text": "deep", "inner": [{"flag": 0}, {"inner": [{"text": "deeper"}]}]}}
  {"name": "union", "newUnion": {"radius": 1.5}}
  {"name": "list of bool", "newBools": [1, 0, 1]}
  {"name": "list of i8", "newI8s": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, -128]}
  {"name": "list of i32", "newI32s": [-50, 0, 50, 100000]}
  {"name": "list of double", "newDoubles": [1.5, 2.5]}
  {"name": "list of string", "newStrings": ["x", "", "yyy"]}
  {"name": "list of struct", "newStructs": [{"flag": 1}, {}, {"text": "t"}]}
  {"name": "list empty", "newEmptyList": []}
  {"name": "set", "newSet": [1, 2, 3]}
  {"name": "map", "newMap": {"k": 1}}
  {"name": "map of bool to bool", "newBoolMap": {1: 0, 0: 1}}
  {"name": "map empty", "newEmptyMap": {}}
  {"name": "containers in containers", "newNested": {"k": [{1: {"flag": 1}}, {}]}}
  {"name": "bool far from its neighbour", "newFarBool": 1}
  {
    "name": "everything beside what is known", "aBool": 0, "aString": "beside", "bools": [0, 1], "farBool": 0
    "newBool": 0, "newI8": 8, "newI16": 16, "newI32": 32, "newI64": 64, "newDouble": 6.4, "newString": "text"
    "newBinary": "bytes", "newPaint": {"colour": Colour.RED}, "newStruct": {"flag": 1}, "newUnion": {"point": {"x": 1, "y": 2}}
    "newBools": [0], "newI8s": [8], "newI32s": [32], "newDoubles": [6.4], "newStrings": ["text"]
    "newStructs": [{"flag": 0}], "newSet": [64], "newMap": {"a": 1}, "newNested": {"k": [{1: {"flag": 1}}]}
    "newBoolMap": {1: 1}, "newEmptyList": [], "newEmptyMap": {}, "newFarBool": 0
  }
]

/** What a side that knows `Types` only has of `LATER`. */
const list<Types> EARLIER = [
  {"name": "bool true"}
  {"name": "bool false"}
  {"name": "i8"}
  {"name": "i16"}
  {"name": "i32"}
  {"name": "i64"}
  {"name": "double"}
  {"name": "string"}
  {"name": "binary"}
  {"name": "enum"}
  {"name": "struct"}
  {"name": "union"}
  {"name": "list of bool"}
  {"name": "list of i8"}
  {"name": "list of i32"}
  {"name": "list of double"}
  {"name": "list of string"}
  {"name": "list of struct"}
  {"name": "list empty"}
  {"name": "set"}
  {"name": "map"}
  {"name": "map of bool to bool"}
  {"name": "map empty"}
  {"name": "containers in containers"}
  {"name": "bool far from its neighbour"}
  {"name": "everything beside what is known", "aBool": 0, "aString": "beside", "bools": [0, 1], "farBool": 0}
]
