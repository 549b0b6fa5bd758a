// With `keep_unknown_fields` and `serde`, without comments.
namespace rs golden.kept_json

/** Not to be seen. */
struct Kept {
  /** Nor this. */
  1: i32 someNumber,
}
