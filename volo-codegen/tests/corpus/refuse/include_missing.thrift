include "nope.thrift"
struct A {}
