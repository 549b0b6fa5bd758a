include "parts/common.thrift"

struct Item {
  1: Money price,
  2: common.Mony discount,
  3: deep.Hidden x,
}
