/** Whether a server, or one of its services, takes calls; after gRPC's health protocol. */
namespace rs health

/** What a server says of itself, with gRPC's numbers. */
enum ServingStatus {
  UNKNOWN = 0
  /** It takes calls. */
  SERVING = 1
  /** It is reachable, but takes no calls now. */
  NOT_SERVING = 2
  /** The server has no such service. */
  SERVICE_UNKNOWN = 3
}

struct HealthCheckRequest {
  /** The service in question; the server as a whole without one. */
  1: optional string service
}

struct HealthCheckResponse {
  1: required ServingStatus status
}

service Health {
  HealthCheckResponse healthCheck(1: HealthCheckRequest request) (rpc.idempotent = "true")
}
