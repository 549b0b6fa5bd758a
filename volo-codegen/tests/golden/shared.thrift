/** Things that several services use. */
namespace rs golden.shared

struct Page {
  1: i32 offset,
  2: i32 limit = 20,
}

exception Denied {
  1: string reason,
}

const string GREETING = "hello"
