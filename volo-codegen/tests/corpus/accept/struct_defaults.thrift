enum E { A, B }
struct P { 1: i32 x, 2: optional string y }
union U { 1: i32 x, 2: string y }
struct A {
  1: i32 a = 1, 2: string b = "q", 3: list<i32> c = [1], 4: map<string,list<i32>> d = {"a": [1]},
  5: optional i32 e = 1, 6: required i32 f = 2, 7: E g = E.B, 8: P h = {"x": 1, "y": "z"}, 9: bool i = true,
  10: double j = 1, 11: set<string> k = ["a", "b"], 12: list<P> l = [{"x": 1}, {}], 13: U m = {"y": "s"}
}
