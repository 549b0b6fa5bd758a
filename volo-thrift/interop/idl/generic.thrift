/** The service of interop.thrift as far as Kitex's generic clients can use it: methods with one argument. */
include "interop.thrift"

service Interop {
  interop.Types echo(1: interop.Types value) throws (1: interop.Mismatch mismatch)
}
