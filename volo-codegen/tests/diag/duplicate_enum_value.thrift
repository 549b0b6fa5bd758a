enum Colour { RED, GREEN, RED }
