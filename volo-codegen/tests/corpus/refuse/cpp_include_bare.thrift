cpp_include x
