service Catalog {
  void get(),
  i32 get(1: i32 id),
}
