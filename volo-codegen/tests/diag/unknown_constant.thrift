const i32 MAXIMUM = 10
const i32 A = MAXIMUN
enum Colour { RED, GREEN }
const Colour B = Colour.GREN
const Colour C = BLUE
const Colour D = 7
