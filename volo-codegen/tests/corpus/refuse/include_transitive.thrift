include "parts/left.thrift"
struct A { 1: inc.S t }
