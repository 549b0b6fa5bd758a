enum Colour { RED }
enum Shade { RED, DARK }
const Colour A = RED
const Colour B = Shade.RED
