include "./inc.thrift"
struct R { 1: inc.S s }
