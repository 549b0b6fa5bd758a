struct A {}
/** open
