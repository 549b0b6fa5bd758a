typedef i32 I
typedef list<I> L
typedef map<string, L> M
const I A = 3
const L B = [1, A]
const M C = {"a": B}
