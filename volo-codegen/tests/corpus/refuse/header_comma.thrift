include "parts/inc.thrift", struct A {}
