include "parts/cycle_a.thrift"
struct A {}
