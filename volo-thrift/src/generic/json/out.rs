//! A buffer that is longer than what was written into it, so that short pieces are copied as whole words.
//!
//! Names and most strings are shorter than what calling a copy of any length costs.

use super::scan::{special, words};

/// Bytes that there are behind what was written, always.
pub(in crate::generic) const SLACK: usize = 32;

/// What was written so far.
pub(in crate::generic) struct Out {
    bytes: Vec<u8>,
    len: usize,
}

impl Out {
    pub(in crate::generic) fn with_capacity(capacity: usize) -> Self {
        Out { bytes: vec![0; capacity + SLACK], len: 0 }
    }

    #[inline(always)]
    pub(in crate::generic) fn len(&self) -> usize {
        self.len
    }

    pub(in crate::generic) fn into_bytes(mut self) -> Vec<u8> {
        self.bytes.truncate(self.len);
        self.bytes
    }

    /// Makes room for `more` bytes and the slack behind them.
    #[inline(always)]
    fn reserve(&mut self, more: usize) {
        if self.bytes.len() - self.len < more + SLACK {
            self.grow(more);
        }
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self, more: usize) {
        let wanted = (self.len + more + SLACK).max(self.bytes.len() * 2);
        self.bytes.resize(wanted, 0);
    }

    /// Writes the first `len` bytes of a piece, which is no longer than the slack.
    #[inline(always)]
    pub(in crate::generic) fn piece<const N: usize>(&mut self, piece: &[u8; N], len: usize) {
        const { assert!(N <= SLACK) };
        self.bytes[self.len..][..N].copy_from_slice(piece);
        self.len += len;
        self.reserve(0);
    }

    #[inline(always)]
    pub(in crate::generic) fn push(&mut self, byte: u8) {
        self.piece(&[byte], 1);
    }

    pub(in crate::generic) fn slice(&mut self, bytes: &[u8]) {
        self.reserve(bytes.len());
        self.bytes[self.len..][..bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    /// Changes what was written.
    #[inline(always)]
    pub(in crate::generic) fn patch<const N: usize>(&mut self, at: usize, bytes: [u8; N]) {
        self.bytes[at..][..N].copy_from_slice(&bytes);
    }

    /// Takes the byte at `at` out of what was written.
    pub(in crate::generic) fn remove(&mut self, at: usize) {
        self.bytes.copy_within(at + 1..self.len, at);
        self.len -= 1;
    }

    pub(in crate::generic) fn byte(&self, at: usize) -> Option<u8> {
        self.bytes[..self.len].get(at).copied()
    }

    /// Writes the first `len` bytes of `from` as a string of JSON if they are ASCII without escapes, and `from` goes
    /// on far enough to be read in words; gives whether that was so. Nothing is written otherwise.
    #[inline(always)]
    pub(in crate::generic) fn plain_string(&mut self, from: &[u8], len: usize) -> bool {
        let Some(source) = from.get(..len.next_multiple_of(8)) else { return false };
        self.reserve(len + 2);
        let to = &mut self.bytes[self.len + 1..][..source.len()];
        let (whole, mut marks) = (len / 8, 0);
        for (index, (word, to)) in words(source).iter().zip(to.as_chunks_mut().0).enumerate() {
            *to = *word;
            let word = u64::from_le_bytes(*word);
            // What follows the string in its last word is none of its business.
            let own = if index < whole { u64::MAX } else { (1 << (len % 8 * 8)) - 1 };
            marks |= (special(word) | word & super::scan::HIGHS) & own;
        }
        if marks != 0 {
            return false;
        }
        self.bytes[self.len] = b'"';
        self.bytes[self.len + 1 + len] = b'"';
        self.len += len + 2;
        true
    }

    /// Writes what is in front of the next quote in `from`, behind its length, if there is nothing to unescape; gives
    /// the length. Nothing is written otherwise, or if `from` is too short to be read in words.
    #[inline(always)]
    pub(in crate::generic) fn quoted(&mut self, from: &[u8]) -> Option<usize> {
        let mut copied = 0;
        for word in words(from) {
            self.reserve(4 + copied + 8);
            self.bytes[self.len + 4 + copied..][..8].copy_from_slice(word);
            let marks = special(u64::from_le_bytes(*word));
            if marks == 0 {
                copied += 8;
                continue;
            }
            let len = copied + (marks.trailing_zeros() / 8) as usize;
            if from[len] != b'"' {
                return None;
            }
            let length = u32::try_from(len).ok()?;
            self.patch(self.len, length.to_be_bytes());
            self.len += 4 + len;
            return Some(len);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_written_whole_or_not_at_all() {
        for len in 0..40 {
            let text: String = ('a'..='z').cycle().take(len).collect();
            for (behind, fits) in [("", len % 8 == 0), ("\"\\\u{1}é and so on", true)] {
                let mut out = Out::with_capacity(0);
                out.push(b'x');
                let from = format!("{text}{behind}");
                assert_eq!(out.plain_string(from.as_bytes(), len), fits, "{from}");
                let expected = if fits { format!("x\"{text}\"") } else { "x".to_owned() };
                assert_eq!(String::from_utf8(out.into_bytes()).unwrap(), expected);
            }
            for special in ["\"", "\\", "\n", "é"] {
                for at in 0..len {
                    let from = format!("{}{special}{} and so on", &text[..at], &text[at..]);
                    let mut out = Out::with_capacity(0);
                    assert!(!out.plain_string(from.as_bytes(), len), "{from}");
                    assert_eq!(out.len(), 0);
                }
            }
        }
    }

    #[test]
    fn quoted_text_ends_at_its_quote() {
        for len in 0..40 {
            let text: String = "é".repeat(len / 2) + &"a".repeat(len % 2);
            let mut out = Out::with_capacity(0);
            assert_eq!(out.quoted(format!("{text}\", and so on").as_bytes()), Some(text.len()));
            let bytes = out.into_bytes();
            assert_eq!(bytes[..4], (text.len() as u32).to_be_bytes());
            assert_eq!(&bytes[4..], text.as_bytes());
            for broken in ["\\n\" and so on", "\n\" and so on", ""] {
                let mut out = Out::with_capacity(0);
                assert_eq!(out.quoted(format!("{text}{broken}").as_bytes()), None, "{text}{broken}");
                assert_eq!(out.len(), 0);
            }
        }
    }

    #[test]
    fn pieces_keep_their_room() {
        let mut out = Out::with_capacity(0);
        let mut expected = Vec::new();
        for round in 0..200u8 {
            out.piece(&[round; SLACK], usize::from(round % 33));
            expected.extend(vec![round; usize::from(round % 33)]);
            out.slice(&vec![round; usize::from(round)]);
            expected.extend(vec![round; usize::from(round)]);
        }
        out.patch(3, [1, 2]);
        expected[3..5].copy_from_slice(&[1, 2]);
        out.remove(7);
        expected.remove(7);
        assert_eq!(out.byte(expected.len()), None);
        assert_eq!(out.into_bytes(), expected);
    }
}
