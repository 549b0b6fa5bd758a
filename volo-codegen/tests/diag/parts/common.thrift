include "deep.thrift"
struct Money { 1: i64 units, 2: string currency, 3: optional deep.Hidden h }
