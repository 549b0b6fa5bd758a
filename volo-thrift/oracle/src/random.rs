//! Random values from a seed.

use faststr::FastStr;

/// A generator of numbers: splitmix64.
#[derive(Debug)]
pub struct Random(pub u64);

impl Random {
    /// Any number.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        (self.bits() % end as u64) as usize
    }

    /// A number of random width, as often small as large.
    pub fn number(&mut self) -> i64 {
        let shift = self.below(64);
        self.bits().cast_signed() >> shift
    }

    /// A text of random length and width.
    pub fn text(&mut self) -> FastStr {
        let len = [0, 1, 7, 8, 15, 16, 30, 31, 63, 64, 65, 128, 5000][self.below(13)];
        let unit = ["a", "é", "€", "ab", "𝄞"][self.below(5)];
        FastStr::from_string(unit.repeat(len / unit.len()))
    }

    /// A value in two of three cases.
    pub fn option<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.below(3) > 0).then(|| make(self))
    }

    /// Few or many values.
    pub fn many<C: FromIterator<T>, T>(&mut self, mut make: impl FnMut(&mut Self) -> T) -> C {
        let count = [0, 1, 2, 14, 15, 16, 33][self.below(7)];
        (0..count).map(|_| make(self)).collect()
    }

    /// At most one value: hashed containers have one encoding only then.
    pub fn at_most_one<C: FromIterator<T>, T>(&mut self, mut make: impl FnMut(&mut Self) -> T) -> C {
        (0..self.below(2)).map(|_| make(self)).collect()
    }
}
