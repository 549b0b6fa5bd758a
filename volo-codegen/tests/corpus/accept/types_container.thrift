struct A { 1: list<list<set<map<i32,list<i32>>>>> a; 2: map<string, map<i32, set<binary>>> b 3: list < i32 > c }
