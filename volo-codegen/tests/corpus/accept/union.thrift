union A {}
union B { 1: i32 a = 1, 2: string b }
union C { 1: optional i32 a; 2: B b }
