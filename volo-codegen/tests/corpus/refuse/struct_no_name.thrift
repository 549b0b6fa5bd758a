struct {}
