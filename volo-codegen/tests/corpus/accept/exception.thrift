exception A {}
exception B { 1: string message, 2: required i32 code } (a = "b")
