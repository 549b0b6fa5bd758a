include "cycle_a.thrift"
struct CB {}
