include "parts/inc.thrift"
struct A { 1: T t }
