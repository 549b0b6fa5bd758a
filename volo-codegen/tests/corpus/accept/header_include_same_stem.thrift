include "parts/inc.thrift"
include "parts/deep/inc.thrift"
struct A { 1: inc.Deep d, 2: inc.T t }
