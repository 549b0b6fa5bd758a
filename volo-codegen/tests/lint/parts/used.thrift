struct Page { 1: i32 number }
