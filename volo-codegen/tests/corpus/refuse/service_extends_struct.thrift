struct T {}
service S extends T {}
