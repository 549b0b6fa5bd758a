include "cycle_b.thrift"
struct CA {}
