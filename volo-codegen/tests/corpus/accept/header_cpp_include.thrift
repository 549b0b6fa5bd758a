cpp_include "<vector>"
struct A {}
