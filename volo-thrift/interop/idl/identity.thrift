/** The type that older compilers don't know; peers whose compiler is one call this by hand. */
namespace rs identity

service Identity {
  /** The same id; a newer client adds one more, which is unknown here. */
  uuid identify(1: uuid id)
}
