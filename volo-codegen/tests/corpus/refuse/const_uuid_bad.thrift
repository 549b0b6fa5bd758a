const uuid a = "x"
