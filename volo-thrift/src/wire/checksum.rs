//! The checksum of all that follows a TTHeader, a second length included: CRC32C, as 8 hex digits in a string pair.
//!
//! The digits stand before what they are of, so they are written last, over a blank. Processors have an instruction
//! for CRC32C.

use faststr::FastStr;
use volo_core::Span;

use super::{Header, WireError};
use crate::meta::keys;

/// Stands for the digits until they are known.
pub(super) const BLANK: &str = "00000000";

/// Where the digits belong, and where what they are of begins.
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

/// The checksum that a header has; an empty one is none.
pub(super) fn expected(header: &Header) -> Option<&FastStr> {
    header.string(keys::CRC32C).filter(|expected| !expected.is_empty())
}

/// Compares the checksum that a header has, if it has one, with that of `payload`.
///
/// # Errors
/// When they differ.
pub(super) fn check(expected: Option<&FastStr>, payload: &[u8]) -> Result<(), WireError> {
    let Some(expected) = expected else { return Ok(()) };
    let actual = digits(crc32c::crc32c(payload));
    if expected.as_bytes().eq_ignore_ascii_case(&actual) {
        return Ok(());
    }
    let actual = actual.map(char::from).iter().collect::<String>();
    Err(WireError::protocol(format!(
        "payload was damaged: its CRC32C is {actual}, the header says {expected:.64}"
    )))
}

fn digits(sum: u32) -> [u8; BLANK.len()] {
    std::array::from_fn(|index| b"0123456789abcdef"[(sum >> (28 - 4 * index) & 15) as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_other_libraries() {
        for (sum, bytes) in [
            ("e3069283", &b"123456789"[..]),
            ("16681efa", b"\x80\x01\0\x01\0\0\0\x04ping\0\0\0\x01\0"),
            ("00000000", b""),
        ] {
            assert_eq!(check(Some(&sum.into()), bytes), Ok(()));
            assert_eq!(check(Some(&sum.to_uppercase().into()), bytes), Ok(()));
        }
        assert_eq!(check(None, b"any"), Ok(()));
        let header = Header { strings: vec![(keys::CRC32C.into(), FastStr::empty())], ..Header::default() };
        assert_eq!(expected(&header), None, "an empty one is none");
        let error = check(Some(&"e3069284".into()), b"123456789").unwrap_err().to_string();
        assert_eq!(error, "payload was damaged: its CRC32C is e3069283, the header says e3069284");
    }
}
