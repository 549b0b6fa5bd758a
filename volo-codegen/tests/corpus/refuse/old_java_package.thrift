java_package foo
