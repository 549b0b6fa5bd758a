exception X {}
typedef X Y
struct R {}
service A {}
service B extends A { void f() (a = "b"), } (a = "b")
service C {
  void a(), i32 b(1: i32 a); list<i32> (x = "y") c(1: i32 a 2: i32 b; 3: i32 c, ) R d()
  oneway void e(1: string s)
  oneway void f() throws ()
  void g() throws (1: X x, 2: Y y)
  void h(1: i32 a = 3, 2: required string b (x = "y")) throws (1: X x) (c = "d");
  map<string, R> i(1: R r, 2: set<i32> s)
}
service D extends B { void x() }
