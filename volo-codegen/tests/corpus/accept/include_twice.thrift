include "parts/inc.thrift"
include "./parts/inc.thrift"
struct A { 1: inc.S s }
