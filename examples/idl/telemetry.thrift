/** Number lists and blobs: the messages where bulk copies decide. */
namespace rs telemetry

/** How good a sample is. */
enum Quality {
  GOOD = 0
  SUSPECT = 1
  BAD = 2
}

/** One series of one device, column by column. */
struct Series {
  1: required string device
  2: required i64 startMs
  3: list<i64> offsetsMs
  4: list<double> values
  5: list<i32> counters
  6: list<i16> levels
  7: list<i8> codes
  8: list<bool> flags
  9: optional map<string, string> labels
  10: optional set<i32> gaps
  11: optional Quality quality = Quality.GOOD
}

/** A file or picture with its type. */
struct Blob {
  1: required string mediaType
  2: required binary content
}

service TelemetryService {
  /** Stores a series; gives the number of values kept. */
  i64 record(1: Series series)
  /** Stores a series without an answer. */
  oneway void submit(1: Series series)
  /** Gives the blob back as it came. */
  Blob exchange(1: Blob blob) (rpc.idempotent = "true")
}
