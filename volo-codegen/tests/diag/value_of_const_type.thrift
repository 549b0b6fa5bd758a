const string NAME = "x"
const i32 COUNT = NAME
enum Colour { RED }
const string SHADE = Colour.RED
