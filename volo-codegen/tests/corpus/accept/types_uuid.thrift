struct A { 1: uuid a, 2: list<uuid> b }
const uuid U = "01234567-89AB-cdef-0123-456789abcdef"
const uuid V = "{01234567-89AB-cdef-0123-456789abcdef}"
