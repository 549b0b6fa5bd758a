struct A {
  1: i32 a // x
}

/** doc
 * more
 */
struct B {}
