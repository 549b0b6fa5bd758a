struct Item { string id, string name, 3: i32 count }
