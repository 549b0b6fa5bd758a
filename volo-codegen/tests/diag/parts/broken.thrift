struct Part { 1: strng name }
enum E { A, A }
