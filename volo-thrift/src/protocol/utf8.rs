//! Whether bytes are UTF-8: most strings of a message are short and ASCII.
//!
//! Up to 64 bytes a test by size class (a few overlapping loads, no loop) finds that nearly all are ASCII; the rest,
//! and everything longer, goes to the vectorised validator.

/// Longest text that is first tested for ASCII alone.
const SHORT: usize = 64;

/// Whether `text` is valid UTF-8.
#[inline(always)]
pub(super) fn is_valid(text: &[u8]) -> bool {
    (text.len() <= SHORT && is_ascii_short(text)) || is_valid_any(text)
}

#[inline(never)]
fn is_valid_any(text: &[u8]) -> bool {
    simdutf8::basic::from_utf8(text).is_ok()
}

#[inline(always)]
fn is_ascii_short(text: &[u8]) -> bool {
    const HIGH_BITS: u64 = 0x8080_8080_8080_8080;
    match text.len() {
        0..=3 => text.iter().fold(0, |all, byte| all | byte) < 0x80,
        4..=7 => ends(text, |first: &[u8; 4], last| {
            (u32::from_ne_bytes(*first) | u32::from_ne_bytes(*last)) & HIGH_BITS as u32 == 0
        }),
        8..=16 => ends(text, |first: &[u8; 8], last| (word(first, 0) | word(last, 0)) & HIGH_BITS == 0),
        17..=32 => ends(text, |first: &[u8; 16], last| {
            (word(first, 0) | word(first, 8) | word(last, 0) | word(last, 8)) & HIGH_BITS == 0
        }),
        _ => ends(text, |first: &[u8; 32], last| {
            let low = word(first, 0) | word(first, 8) | word(last, 0) | word(last, 8);
            let high = word(first, 16) | word(first, 24) | word(last, 16) | word(last, 24);
            (low | high) & HIGH_BITS == 0
        }),
    }
}

/// Tests the first and the last `N` bytes, which overlap or touch.
#[inline(always)]
fn ends<const N: usize>(text: &[u8], test: impl Fn(&[u8; N], &[u8; N]) -> bool) -> bool {
    match (text.first_chunk(), text.last_chunk()) {
        (Some(first), Some(last)) => test(first, last),
        _ => false,
    }
}

/// The eight bytes at `at`, a constant inside the array.
#[inline(always)]
fn word<const N: usize>(bytes: &[u8; N], at: usize) -> u64 {
    bytes[at..].first_chunk().map_or(u64::MAX, |word| u64::from_ne_bytes(*word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_standard_library_at_every_length_and_place() {
        for len in 0..150 {
            let mut text = vec![b'a'; len];
            assert!(is_valid(&text), "{len}");
            for at in 0..len {
                for bad in [0x7f, 0x80, 0xc3, 0xff] {
                    text[at] = bad;
                    assert_eq!(
                        is_valid(&text),
                        std::str::from_utf8(&text).is_ok(),
                        "{bad:x} at {at} of {len}"
                    );
                }
                text[at] = b'a';
                if at + 1 < len {
                    text[at..at + 2].copy_from_slice("é".as_bytes());
                    assert!(is_valid(&text), "é at {at} of {len}");
                    text[at..at + 2].fill(b'a');
                }
            }
        }
    }
}
