struct Item { 1: void nothing }
