service S { void throws() }
