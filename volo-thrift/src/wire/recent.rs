//! The headers that a worker read last: a header with the same bytes as one of them is not read again.
//!
//! Requests of one client to one method differ in nothing but the sequence id and the checksum, which are not part of
//! what is compared, and now and then the budget; replies hardly differ at all. What is not the same byte by byte is
//! read as ever.

use std::{cell::RefCell, sync::Arc};

use super::{
    Header, WireError,
    checksum::{self, Digits, LEN},
};

/// Longer headers are not worth a comparison.
pub(super) const LEN_MAX: usize = 512;

/// Headers remembered, each of another length modulo this.
const SLOTS: usize = 8;

struct Recent {
    flags: u16,
    bytes: Vec<u8>,
    /// Where the checksum is, if there is one.
    digits: Option<usize>,
    header: Arc<Header>,
}

impl Recent {
    /// The checksum of a header with these bytes, if it is otherwise this one.
    fn fits(&self, flags: u16, bytes: &[u8]) -> Option<Option<Digits>> {
        if self.flags != flags || self.bytes.len() != bytes.len() {
            return None;
        }
        let Some(at) = self.digits else { return (self.bytes == bytes).then_some(None) };
        let (before, rest) = bytes.split_at_checked(at)?;
        let (digits, behind) = rest.split_first_chunk::<LEN>()?;
        // What is no text is a fault of the header's, and is told when it is read.
        let same = self.bytes.starts_with(before) && self.bytes.ends_with(behind) && digits.is_ascii();
        same.then_some(Some(*digits))
    }
}

thread_local! {
    static RECENT: RefCell<[Option<Recent>; SLOTS]> = const { RefCell::new([const { None }; SLOTS]) };
}

/// Forgets all headers, so that the next ones are read.
#[cfg(any(test, fuzzing))]
pub(crate) fn forget() {
    RECENT.take();
}

/// The header of `bytes`, at most [`LEN_MAX`] of them, and its checksum: a remembered one, or what `read` gives, which
/// must not share memory with a frame.
pub(super) fn find_or_read(
    flags: u16,
    bytes: &[u8],
    read: impl FnOnce() -> Result<(Header, Option<Digits>), WireError>,
) -> Result<(Arc<Header>, Option<Digits>), WireError> {
    RECENT.with_borrow_mut(|slots| {
        let slot = &mut slots[bytes.len() % SLOTS];
        if let Some(known) = slot
            && let Some(checksum) = known.fits(flags, bytes)
        {
            return Ok((known.header.clone(), checksum));
        }
        let (header, checksum) = read()?;
        let header = Arc::new(header);
        let digits = checksum.and_then(|_| checksum::find(bytes));
        // Tokens are not to outlive their calls.
        if digits.is_some() == checksum.is_some() && header.acl_token.is_none() {
            let mut memory = slot.take().map_or_else(Vec::new, |known| known.bytes);
            memory.clear();
            memory.extend_from_slice(bytes);
            *slot = Some(Recent { flags, bytes: memory, digits, header: header.clone() });
        }
        Ok((header, checksum))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAIR: &str = "\0\x06crc32c\0\x08";

    fn find(flags: u16, bytes: &[u8], header: &Header) -> Arc<Header> {
        find_or_read(flags, bytes, || Ok((Header { flags, ..header.clone() }, None))).unwrap().0
    }

    fn find_checked(text: &str, digits: Digits) -> (Arc<Header>, Option<Digits>) {
        let header = Header { checksum: true, ..Header::default() };
        find_or_read(0, text.as_bytes(), || Ok((header, Some(digits)))).unwrap()
    }

    #[test]
    fn only_the_same_bytes_and_flags_give_the_same_header() {
        let known = find(1, b"abc", &Header::default());
        assert!(Arc::ptr_eq(&known, &find(1, b"abc", &Header::default())));
        for (flags, bytes) in [(0, b"abc"), (1, b"abd"), (1, b"bbc")] {
            let known = find(1, b"abc", &Header::default());
            let other = find(flags, bytes, &Header::default());
            assert!(!Arc::ptr_eq(&known, &other) && other.flags == flags, "{flags} {bytes:?}");
        }
    }

    #[test]
    fn a_header_is_known_again_whatever_its_checksum() {
        let (known, _) = find_checked(&format!("a{PAIR}00000001b"), *b"00000001");
        let (same, checksum) = find_checked(&format!("a{PAIR}0000002bb"), *b"unread..");
        assert!(Arc::ptr_eq(&known, &same));
        assert_eq!(checksum, Some(*b"0000002b"), "its own one");
        for other in ["b{}00000001b", "a{}00000001a"] {
            let (known, _) = find_checked(&format!("a{PAIR}00000001b"), *b"00000001");
            let (other, _) = find_checked(&other.replace("{}", PAIR), *b"00000001");
            assert!(!Arc::ptr_eq(&known, &other));
        }
    }

    /// Found by fuzzing: a known header was damaged where an unknown one was no text.
    #[test]
    fn digits_that_are_no_text_are_not_known() {
        let bytes = |digits: &[u8]| [b"c", PAIR.as_bytes(), digits].concat();
        let header = || Ok((Header { checksum: true, ..Header::default() }, Some(*b"00000001")));
        assert!(find_or_read(0, &bytes(b"00000001"), header).is_ok());
        let odd = || Err(WireError::protocol("no text"));
        assert!(find_or_read(0, &bytes(b"0000000\xff"), odd).is_err());
    }

    #[test]
    fn what_is_not_to_be_kept_is_read_each_time() {
        let token = Header { acl_token: Some("secret".into()), ..Header::default() };
        assert!(!Arc::ptr_eq(&find(0, b"once", &token), &find(0, b"once", &token)));
        let twice = format!("{PAIR}00000001{PAIR}00000001");
        assert!(!Arc::ptr_eq(&find_checked(&twice, *b"00000001").0, &find_checked(&twice, *b"00000001").0));
    }

    #[test]
    fn an_error_is_not_remembered() {
        assert!(find_or_read(0, b"odd", || Err(WireError::protocol("odd"))).is_err());
        assert!(find_or_read(0, b"odd", || Ok((Header::default(), None))).is_ok());
    }
}
