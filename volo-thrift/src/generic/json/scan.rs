//! How far a string is plain: eight bytes at a time, as most strings have nothing to escape.

const ONES: u64 = 0x0101_0101_0101_0101;
/// The high bit of each byte.
pub(super) const HIGHS: u64 = 0x8080_8080_8080_8080;

/// Bytes up to the first that is `"`, `\` or a control character; all if there is none.
#[inline]
pub(super) fn plain_len(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let marks = special(u64::from_le_bytes(*word));
        if marks != 0 {
            return index * 8 + (marks.trailing_zeros() / 8) as usize;
        }
    }
    let plain = rest.iter().take_while(|byte| !matches!(byte, b'"' | b'\\' | 0..0x20)).count();
    words.len() * 8 + plain
}

/// The words of a text; what doesn't fill one is left out.
#[inline(always)]
pub(super) fn words(bytes: &[u8]) -> &[[u8; 8]] {
    bytes.as_chunks().0
}

/// The high bit of each byte that is special. Above the first special byte a bit may be set wrongly, by a borrow.
#[inline(always)]
pub(super) fn special(word: u64) -> u64 {
    let zero = |word: u64| word.wrapping_sub(ONES) & !word;
    let quote = zero(word ^ (ONES * u64::from(b'"')));
    let backslash = zero(word ^ (ONES * u64::from(b'\\')));
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    (quote | backslash | control) & HIGHS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_agrees_with_looking_at_each_byte() {
        let slow =
            |bytes: &[u8]| bytes.iter().take_while(|byte| !matches!(byte, b'"' | b'\\' | 0..0x20)).count();
        for byte in 0..=255 {
            for before in [b'a', 0xff, 0x80, 0x20, 0x7f, b'!', b'#', b'[', b']'] {
                for at in 0..20 {
                    let mut bytes = [before; 20];
                    bytes[at] = byte;
                    assert_eq!(plain_len(&bytes), slow(&bytes), "{byte} behind {at} of {before}");
                }
            }
        }
        assert_eq!(plain_len(b""), 0);
    }
}
