struct Item { 1: string class, 2: string self }
