struct Item { -7: string id, 0: string name }
