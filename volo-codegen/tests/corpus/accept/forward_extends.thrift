service S extends T {}
service T {}
