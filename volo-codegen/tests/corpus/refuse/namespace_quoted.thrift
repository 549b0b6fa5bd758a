namespace cpp "a"
