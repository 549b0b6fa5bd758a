namespace cpp struct
