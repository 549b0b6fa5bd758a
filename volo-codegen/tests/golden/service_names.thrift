namespace rs golden.service_names

struct Option { 1: i32 value }
struct Result { 1: optional i32 value }
struct Clone { 1: i32 value }
struct Send {}
struct Sync {}
struct From {}
struct EchoServiceEchoArgs { 1: i32 theirs }
struct EchoServiceClient { 1: i32 theirs }
struct H { 1: i32 x }
exception Oops { 1: string message }

service EchoService {
  Result echo(1: Option self, 2: list<H> match) throws (1: Oops oops, 2: Oops again),
  i32 clone(),
  void call(1: i32 args, 2: i32 handler),
  oneway void send(1: i32 request),
  i32 from_number(1: i32 a, 2: i32 b, 3: i32 c, 4: i32 d, 5: i32 e, 6: i32 f, 7: i32 g, 8: i32 h),
  i32 with_callopt(),
  i32 renamed() (pilota.name = "brand_new"),
}
