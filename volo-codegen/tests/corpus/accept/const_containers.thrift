const list<i32> A = [1, 2; 3 4,]
const set<i32> B = [1, 2]
const map<i32, i32> C = {1: 2, 3: 4; 5: 6 7: 8}
const list<list<map<string, set<double>>>> D = [[{"a": [1, 2.5]}, {}], []]
const list<i32> E = {}
const set<i32> F = {}
const map<i32, i32> G = []
