const i32 COUNT = "three"
const string NAME = 3
const list<i32> NUMBERS = [1, "two", 3.5]
const map<string, i32> SIZES = {"a": 1, 2: 2}
const list<i32> PAIRS = {1: 2}
struct Item { 1: bool open = "yes" }
