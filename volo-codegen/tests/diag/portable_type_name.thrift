include "parts/common.thrift"
struct Money {}
