struct A {}
/* open
