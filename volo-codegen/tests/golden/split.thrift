// With `split`.
namespace rs golden.split

include "shared.thrift"
include "base.thrift"

struct Item {
  1: shared.Page page,
}

service Items extends base.Base {
  Item find(1: shared.Page page),
}
