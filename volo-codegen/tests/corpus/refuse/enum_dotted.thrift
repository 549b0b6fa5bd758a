enum E { A.B }
