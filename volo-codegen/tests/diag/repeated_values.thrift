const set<i32> S = [1, 2, 1]
const map<string, i32> M = {"a": 1, "a": 2}
