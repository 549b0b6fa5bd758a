service S extends a.b {}
