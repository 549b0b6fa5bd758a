struct list {}
enum Kind { struct, Fine }
service S { void throws() }
struct A { 1: i32 xsd_all }
