include "parts/used.thrift"
include "parts/unused.thrift"
include "parts/enums.thrift"

struct Reply {
  1: required list<Inner> inner
  2: required i64 count
  3: used.Page page
  4: i32 kind = enums.Kind.SMALL
}

struct Inner {
  1: required string name
  2: optional map<string, Node> nodes
}

struct Node {
  1: list<Node> children
}

struct Request {
  1: required string name
}

service Items {
  Reply listAll(1: Request request) (api.get = "/items/:id")
  Reply find(1: Request request) (api.get = "/items/:name", api.post = "/items")
}
