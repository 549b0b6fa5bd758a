// café
struct Item { 1: Missing x }
