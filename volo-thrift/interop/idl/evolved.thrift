/** The service of interop.thrift as clients of other releases know it: some of its fields, arguments or methods differ. */
include "interop.thrift"

namespace rs evolved
namespace go evolved
namespace py evolved
namespace cpp evolved

service Interop {
  /** The server knows less than this client: it must skip what is new. */
  interop.Types echoEarlier(1: interop.Later value, 2: bool newArgument, 3: list<interop.Extra> newArguments)
    throws (1: interop.Mismatch mismatch)
  /** The server knows more: this client must skip it. */
  interop.Types later(1: string name) throws (1: interop.Mismatch mismatch)
  /** The server has no such method. */
  void missing()
}
