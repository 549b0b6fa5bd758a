struct Item { 1: i32? count, 2: string naïve }
const double A = 5.
