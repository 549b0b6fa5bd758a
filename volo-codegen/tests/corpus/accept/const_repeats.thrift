const set<i32> A = [1, 1]
const map<i32, i32> B = {1: 2, 1: 3}
