/** What all services have. */
namespace rs golden.base

include "shared.thrift"

service Base {
  /** Answers. */
  string ping(),
  void audit(1: shared.Page page) throws (1: shared.Denied denied),
}
