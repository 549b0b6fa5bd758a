enum E { 1 }
