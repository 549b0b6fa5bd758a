//! The name of a field as it stands in JSON, ready to be written and to be recognised.

use super::{Out, out::SLACK, write};

/// `,"name":`
#[derive(Clone, Debug)]
pub(in crate::generic) struct Key {
    /// The first bytes; all of them if `long` is empty.
    short: [u8; SLACK],
    len: usize,
    /// All of it if it is too long.
    long: Box<[u8]>,
}

/// The first eight bytes of `"name":` as a word, and which of its bits count.
#[derive(Clone, Copy, Debug)]
pub(in crate::generic) struct Prefix {
    word: u64,
    mask: u64,
}

impl Key {
    pub(in crate::generic) fn new(name: &str) -> Self {
        let mut out = Out::with_capacity(name.len() + 4);
        out.push(b',');
        write::string(&mut out, name);
        out.push(b':');
        let bytes = out.into_bytes();
        let mut short = [0; SLACK];
        let shown = bytes.len().min(SLACK);
        short[..shown].copy_from_slice(&bytes[..shown]);
        let len = bytes.len();
        Key { short, len, long: if len > SLACK { bytes.into() } else { Box::default() } }
    }

    /// Writes it, behind a comma.
    #[inline(always)]
    pub(in crate::generic) fn write(&self, out: &mut Out) {
        if self.long.is_empty() { out.piece(&self.short, self.len) } else { out.slice(&self.long) }
    }

    /// `"name":`
    fn spelled(&self) -> &[u8] {
        if self.long.is_empty() { &self.short[1..self.len] } else { &self.long[1..] }
    }

    pub(in crate::generic) fn prefix(&self) -> Prefix {
        let mut word = [0; 8];
        let mut mask = [0; 8];
        for (index, byte) in self.spelled().iter().take(8).enumerate() {
            word[index] = *byte;
            mask[index] = 0xff;
        }
        Prefix { word: u64::from_le_bytes(word), mask: u64::from_le_bytes(mask) }
    }

    /// Its length if a text, whose first bytes match the prefix, begins with it.
    #[inline(always)]
    pub(in crate::generic) fn begins(&self, text: &[u8]) -> Option<usize> {
        let spelled = self.spelled();
        match spelled.get(8..) {
            Some(rest) => text.get(8..)?.starts_with(rest).then_some(spelled.len()),
            None => Some(spelled.len()),
        }
    }
}

impl Prefix {
    /// Whether a text that begins with this word may begin with the key.
    #[inline(always)]
    pub(in crate::generic) fn matches(self, word: u64) -> bool {
        (word ^ self.word) & self.mask == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_written_and_recognised() {
        for name in
            ["", "i", "id", "name23", "name234", "a_name_of_some_length", &"long".repeat(20), "\"\u{1}é"]
        {
            let key = Key::new(name);
            let mut out = Out::with_capacity(0);
            key.write(&mut out);
            let written = String::from_utf8(out.into_bytes()).unwrap();
            assert_eq!(written, format!(",{}:", serde_like(name)));
            let begins = |text: &str| {
                let word = text.as_bytes().first_chunk().copied().map(u64::from_le_bytes);
                word.filter(|word| key.prefix().matches(*word)).and_then(|_| key.begins(text.as_bytes()))
            };
            assert_eq!(begins(&format!("{}1234567", &written[1..])), Some(written.len() - 1));
            for other in [
                format!("\"x{}1234567", &written[2..]),
                format!("{}x\":1234567", &written[1..written.len() - 2]),
            ] {
                assert_eq!(begins(&other), None, "{other}");
            }
        }
    }

    fn serde_like(name: &str) -> String {
        format!("\"{}\"", name.replace('"', "\\\"").replace('\u{1}', "\\u0001"))
    }
}
