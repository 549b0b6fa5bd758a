struct A.B { }
