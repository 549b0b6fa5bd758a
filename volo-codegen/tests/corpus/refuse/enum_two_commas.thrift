enum E { A,, B }
