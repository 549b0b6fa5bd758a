const list<i32> a = {1: 2}
