struct A {}
include "parts/inc.thrift"
