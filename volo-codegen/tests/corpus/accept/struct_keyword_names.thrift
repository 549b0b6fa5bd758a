struct A { 1: i32 struct, 2: i32 list; 3: i32 required, 4: i32 optional, 5: list<i32> map, 6: string string, 7: i32 namespace, 8: i32 uuid, 9: i32 async, 10: i32 void }
