service Base {
  void ping()
}

service Catalog extends Base {
  string ping()
}
