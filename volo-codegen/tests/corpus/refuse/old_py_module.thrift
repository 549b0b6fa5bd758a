py_module foo
