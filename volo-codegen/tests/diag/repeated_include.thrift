include "parts/common.thrift"
include "parts/../parts/common.thrift"
