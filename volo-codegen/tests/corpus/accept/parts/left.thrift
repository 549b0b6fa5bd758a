include "inc.thrift"
struct L { 1: inc.S s }
