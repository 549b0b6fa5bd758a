include "comon.thrift"

struct Item {}
