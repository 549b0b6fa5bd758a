namespace rs golden.consts

include "shared.thrift"

enum Colour { RED = 1, GREEN = 2 }

struct Point { 1: double x, 2: double y, 3: optional string label }

/** How many. */
const i32 COUNT = 42
const i8 SMALL = -1
const i64 hexValue = 0xFF
const double RATIO = 0.25
const bool YES = true
const string NAME = "a \"quoted\" name"
const string GREETING = shared.GREETING
const binary DATA = "bytes"
const Colour FAVOURITE = Colour.GREEN
const list<i32> NUMBERS = [1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610, 987, 1597, 2584, 4181, 6765, 10946, 17711]
const list<string> WORDS = ["alpha", "beta"]
const list<list<string>> GRID = [["a", "b"], ["c"]]
const list<string> LONG_WORDS = ["a rather long text number one", "a rather long text number two", "a rather long text number three"]
const map<string, i32> AGES = {"ann": 30, "bob": 40}
const map<string, list<i32>> SERIES = {"a very long name for a series, number one": [1, 2, 3], "a very long name for a series, number two": [4, 5, 6]}
const set<i32> PRIMES = [2, 3, 5]
const Point ORIGIN = {"x": 0, "y": 0}
const list<Point> PATH = [{"x": 1, "y": 1, "label": "start of the path"}, {"x": 2, "y": 2, "label": "middle of the path"}, {"x": 3, "y": 3}]
const map<Colour, Point> PLACES = {Colour.RED: {"x": 1.5, "y": 2}}
const uuid ID = "00112233-4455-6677-8899-aabbccddeeff"
const list<list<map<string, set<double>>>> DEEP = [[{"a": [1.0, 2.5]}, {}], []]
const map<string, list<string>> ONE = {"the only key of this map, which is long": ["the only element", "of a list that is long", "and longer"]}
const Point LONG_POINT = {"x": 1000000.25, "y": 2000000.25, "label": "a point with a label that is too long for a line"}
