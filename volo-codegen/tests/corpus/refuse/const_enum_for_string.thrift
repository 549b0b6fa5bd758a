enum E { A, B }
const string a = E.B
