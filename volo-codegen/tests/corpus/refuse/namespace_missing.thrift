namespace cpp
