/** Echo in the shape common to Thrift benchmarks, for comparison with other frameworks. */
namespace rs echo

struct EchoRequest {
  1: required string message
  2: optional i64 sequence
}

struct EchoReply {
  1: required string message
  2: optional i64 sequence
}

service EchoService {
  /** Gives the message back as it came. */
  EchoReply echo(1: EchoRequest request) (rpc.idempotent = "true")
}
