include "parts/inc.thrift"
struct A { 1: inc.Missing t }
