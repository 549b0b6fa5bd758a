struct S2 {}
typedef S2 S
