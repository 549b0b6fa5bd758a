struct Money {}
struct Item { 1: Money (go.tag = "x") price }
