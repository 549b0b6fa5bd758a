service Catalog {}
struct Item { 1: Catalog home }
