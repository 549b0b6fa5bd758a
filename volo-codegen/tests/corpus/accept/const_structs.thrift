struct S { 1: i32 x, 2: optional S s, 3: required string r }
union U { 1: i32 x, 2: string y }
exception X { 1: string m }
const S A = {"x": 1, "r": "a", "s": {"r": "b"}}
const U B = {"x": 1}
const X C = {"m": "a"}
const S D = {}
const list<U> E = [{"y": "a"}, {"x": 2}]
const map<string, S> F = {"k": {"r": "v"}}
