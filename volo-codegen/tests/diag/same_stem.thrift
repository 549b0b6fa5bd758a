include "parts/common.thrift"
include "parts/other/common.thrift"
