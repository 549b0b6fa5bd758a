//! The checksum of all that follows a TTHeader, a second length included: CRC32C, as 8 hex digits in a string pair.
//!
//! The digits stand before what they are of, so they are written last, over a blank. Processors have an instruction
//! for CRC32C.

use volo_core::Span;

use super::{Header, WireError};
use crate::meta::keys;

/// How many digits there are.
pub(super) const LEN: usize = 8;

/// The digits as they stand in a header.
pub(super) type Digits = [u8; LEN];

/// Stands for the digits until they are known.
pub(super) const BLANK: &str = "00000000";

/// Where the digits belong, and where what they are of begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) digits: usize,
    pub(super) from: usize,
}

impl Place {
    /// Writes the checksum of what was written since.
    pub(super) fn fill(&self, span: &mut Span<'_>) {
        let mut sum = 0;
        span.visit(self.from, &mut |piece| sum = crc32c::crc32c_append(sum, piece));
        span.patch(self.digits, &digits(sum));
    }
}

/// Takes the checksum out of a header that has one, as it holds for one message only; an empty one is none.
///
/// # Errors
/// When it can't be one.
pub(super) fn take(header: &mut Header) -> Result<Option<Digits>, WireError> {
    let Some(text) = header.string(keys::CRC32C).filter(|text| !text.is_empty()) else { return Ok(None) };
    let digits = text.as_bytes().try_into();
    let digits =
        digits.map_err(|_| WireError::damaged(format!("header's CRC32C {text:.64} has not 8 digits")))?;
    header.strings.retain(|(key, _)| key != keys::CRC32C);
    Ok(Some(digits))
}

/// Where the digits are in the bytes of a header, if there is but one such place.
pub(super) fn find(info: &[u8]) -> Option<usize> {
    const PAIR: &[u8] = b"\0\x06crc32c\0\x08";
    let mut places = info.windows(PAIR.len() + LEN).enumerate().filter(|(_, bytes)| bytes.starts_with(PAIR));
    let (place, _) = places.next()?;
    places.next().is_none().then_some(place + PAIR.len())
}

/// Compares the checksum that a message came with, if it did, with that of its `payload`.
///
/// # Errors
/// When they differ.
pub(super) fn check(expected: Option<Digits>, payload: &[u8]) -> Result<(), WireError> {
    let Some(expected) = expected else { return Ok(()) };
    let actual = digits(crc32c::crc32c(payload));
    if expected == actual || expected.eq_ignore_ascii_case(&actual) {
        return Ok(());
    }
    let [actual, expected] = [actual, expected].map(|digits| String::from_utf8_lossy(&digits).into_owned());
    Err(WireError::damaged(format!(
        "payload was damaged: its CRC32C is {actual}, the header says {expected}"
    )))
}

/// All digits at once: a byte for each four bits, and the letters' distance from the numbers where there are letters.
fn digits(sum: u32) -> Digits {
    let sum = u64::from(sum);
    let pairs = (sum & 0xffff_0000) << 16 | sum & 0xffff;
    let bytes = (pairs << 8 | pairs) & 0x00ff_00ff_00ff_00ff;
    let digits = (bytes << 4 | bytes) & 0x0f0f_0f0f_0f0f_0f0f;
    let letters = (digits + 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101;
    (digits + 0x3030_3030_3030_3030 + letters * 0x27).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(values: &[&str]) -> Header {
        let strings = values.iter().map(|value| (keys::CRC32C.into(), (*value).to_owned().into())).collect();
        Header { strings, ..Header::default() }
    }

    #[test]
    fn sums_are_those_of_other_libraries() {
        for (sum, bytes) in [
            (b"e3069283", &b"123456789"[..]),
            (b"16681efa", b"\x80\x01\0\x01\0\0\0\x04ping\0\0\0\x01\0"),
            (b"00000000", b""),
        ] {
            assert_eq!(check(Some(*sum), bytes), Ok(()));
            assert_eq!(check(Some(sum.to_ascii_uppercase().try_into().unwrap()), bytes), Ok(()));
        }
        assert_eq!(check(None, b"any"), Ok(()));
        let error = check(Some(*b"e3069284"), b"123456789").unwrap_err();
        assert!(error.is_damage());
        assert_eq!(
            error.to_string(),
            "payload was damaged: its CRC32C is e3069283, the header says e3069284"
        );
    }

    #[test]
    fn a_checksum_leaves_the_header_it_came_in() {
        let mut header = with(&["00000000", "12345678"]);
        assert_eq!((take(&mut header), header), (Ok(Some(*b"12345678")), Header::default()));
        let mut header = with(&["12345678", ""]);
        assert_eq!(take(&mut header), Ok(None), "an empty one is none");
        for odd in ["1", "1234567", "123456789"] {
            let error = take(&mut with(&[odd])).unwrap_err().to_string();
            assert_eq!(error, format!("header's CRC32C {odd} has not 8 digits"));
        }
    }

    #[test]
    fn digits_are_those_of_the_number() {
        for sum in [0, 1, 0x0123_4567, 0x89ab_cdef, 0x9a9a_a9a9, u32::MAX] {
            assert_eq!(digits(sum), *format!("{sum:08x}").as_bytes());
        }
    }

    #[test]
    fn a_place_is_found_if_there_is_no_other() {
        let pair = b"\0\x06crc32c\0\x0800000000".as_slice();
        assert_eq!(find(pair), Some(10));
        assert_eq!(find(&[b"ab", pair, b"cd"].concat()), Some(12));
        assert_eq!(find(&[pair, pair].concat()), None);
        assert_eq!(find(&pair[..17]), None);
        assert_eq!(find(b""), None);
    }
}
