@x struct A {}
