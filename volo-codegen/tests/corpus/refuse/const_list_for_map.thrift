const map<i32, i32> a = [1]
