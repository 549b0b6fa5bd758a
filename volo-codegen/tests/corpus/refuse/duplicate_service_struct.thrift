service T {}
struct T {}
