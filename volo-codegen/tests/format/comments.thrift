/* Licence. */
/** About the file. */
namespace rs a   // behind
namespace   *   b
include "x.thrift"
# Section.
struct   Empty{}
struct One{1:required i32 a;2:optional list< map<string , i64> >b=[ {"x":1} , {} ];/** C. */3:Empty c(a="b",c)} (d) // Behind the struct.
/* loose */ const i32 X=0x10;const map<string,list<i32>> LONG = {"first": [1, 2, 3], "second": [4, 5, 6], "third": [7, 8, 9, 10, 11]}
typedef list<i32>(cpp.type="x") Ints
enum E { // Values.

  A=1, # One.


  B   // Two.
  ,
  /**
      * Three.
        *   Indented.
     */
  C /* mid */ = 3
  // Last.
}
service S extends base.T {
  oneway void a ()
  /* plain */ string (x = "y") b(1: i32 first, 2: required string second, 3: map<string, list<i64>> third_argument) throws (1: Gone gone, 2: Refused refused) (api.get = "/a/very/long/path")
  void c(
    // The first.
    1: i32 a
    2: i32 b /* inline */
  )
  void d(1: i32 a /* end */, /* start */ 2: i32 b)
}
// The end.
