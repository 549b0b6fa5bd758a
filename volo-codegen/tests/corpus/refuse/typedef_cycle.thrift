typedef T U
typedef U T
