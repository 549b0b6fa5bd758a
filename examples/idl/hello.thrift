/** The smallest service: one request, one reply. */
namespace rs hello

struct HelloRequest {
  1: required string name
}

struct HelloReply {
  1: required string message
}

service HelloService {
  /** Greets whoever is named. */
  HelloReply hello(1: HelloRequest request) (rpc.idempotent = "true")
}
