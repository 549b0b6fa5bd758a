cpp_namespace foo
