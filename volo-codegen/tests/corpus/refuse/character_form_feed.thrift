struct A {}
