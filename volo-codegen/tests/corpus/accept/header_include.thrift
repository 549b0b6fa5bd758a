include "parts/inc.thrift"
include 'parts/other.thrift'
struct A { 1: inc.S s, 2: inc.T t, 3: inc.E e = inc.E.B, 4: i32 c = inc.C, 5: other.S o }
service W extends inc.V { void f() throws (1: inc.X x) }
const inc.E BY_NAME = inc.E.A
const inc.E BY_NUMBER = 1
const list<i32> COPIED = inc.L
