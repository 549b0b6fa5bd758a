php_namespace Shop
struct Item { 1: slist names }
senum Colour { "red" }
service S { async void f() }
