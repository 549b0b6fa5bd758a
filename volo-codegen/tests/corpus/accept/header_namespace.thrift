namespace * a.b
namespace rs a.b.c (x = "y")
namespace cpp a.b
namespace py.twisted a.b
namespace cpp other
namespace unheard_of x
