const i32 A = 3
const i64 B = A
const i8 C = B
const double D = A
const string S = "x"
const binary T = S
const list<i32> L = [1]
const list<i32> M = L
const list<list<i32>> N = [L, [A, 2]]
const map<string, i32> O = {S: A}
const map<string, i32> P = O
const set<i32> Q = [1]
const set<i32> R = Q
const bool U = true
const bool V = U
const i32 W = U
struct X { 1: i32 a = A, 2: list<i32> b = L }
const X Y = {"a": A}
