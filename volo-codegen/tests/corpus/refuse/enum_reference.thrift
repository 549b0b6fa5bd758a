enum E { A = E.B }
