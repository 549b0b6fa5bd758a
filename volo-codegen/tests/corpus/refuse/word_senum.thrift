senum X { "a", "b" }
