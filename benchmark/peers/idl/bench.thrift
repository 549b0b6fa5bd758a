/** The calls that are measured, over the messages of the examples. */
namespace rs bench

include "../../../examples/idl/echo.thrift"
include "../../../examples/idl/tmf620.thrift"
include "../../../examples/idl/tmf622.thrift"

service BenchService {
  echo.EchoReply echo(1: echo.EchoRequest request)
  tmf622.ProductOrder createOrder(1: tmf622.ProductOrderCreate order)
  tmf620.ProductOfferingPage listOfferings(1: i32 count)
}
