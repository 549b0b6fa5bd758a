exception X {}
service Catalog {
  void get(1: optional string id) throws (1: required X x)
}
