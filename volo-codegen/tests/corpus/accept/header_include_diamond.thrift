include "parts/left.thrift"
include "parts/right.thrift"
struct A { 1: left.L l, 2: right.R r }
