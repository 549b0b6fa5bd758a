struct Item { 40000: string id }
