struct A {} }
