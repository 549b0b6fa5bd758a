const map<i32, i32> a = {"x": 1}
