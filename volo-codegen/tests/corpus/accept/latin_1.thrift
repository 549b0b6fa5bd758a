// café
struct A {}
