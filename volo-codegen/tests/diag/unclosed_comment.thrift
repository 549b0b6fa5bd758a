struct Item {}
/* never closed
struct Lost {}
