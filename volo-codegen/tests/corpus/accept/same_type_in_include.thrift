include "parts/inc.thrift"
struct S { 1: inc.S s }
