struct A {}
