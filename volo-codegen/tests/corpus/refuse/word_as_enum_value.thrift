enum E { struct }
