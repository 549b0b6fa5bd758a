service Catalog {
  string get(1: string id
  void put(1: string id)
}

struct Fine { 1: Missing x }
