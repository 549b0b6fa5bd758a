//! The headers that a worker read last: a header with the same bytes as one of them is not read again.
//!
//! Requests of one client to one method differ in nothing but the sequence id, which is not part of what is compared,
//! and now and then the budget; replies hardly differ at all. What is not the same byte by byte is read as ever.

use std::{cell::RefCell, sync::Arc};

use super::{Header, WireError};

/// Longer headers are not worth a comparison.
pub(super) const LEN_MAX: usize = 512;

/// Headers remembered, each of another length modulo this.
const SLOTS: usize = 8;

struct Recent {
    flags: u16,
    bytes: Vec<u8>,
    header: Arc<Header>,
}

thread_local! {
    static RECENT: RefCell<[Option<Recent>; SLOTS]> = const { RefCell::new([const { None }; SLOTS]) };
}

/// The header of `bytes`, at most [`LEN_MAX`] of them: a remembered one, or what `read` gives, which must not share
/// memory with a frame.
pub(super) fn find_or_read(
    flags: u16,
    bytes: &[u8],
    read: impl FnOnce() -> Result<Header, WireError>,
) -> Result<Arc<Header>, WireError> {
    RECENT.with_borrow_mut(|slots| {
        let slot = &mut slots[bytes.len() % SLOTS];
        if let Some(known) = slot.as_ref().filter(|known| known.flags == flags && known.bytes == bytes) {
            return Ok(known.header.clone());
        }
        let header = Arc::new(read()?);
        // Checksums never occur again, and tokens are not to outlive their calls.
        if !header.checksum && header.acl_token.is_none() {
            let mut memory = slot.take().map_or_else(Vec::new, |known| known.bytes);
            memory.clear();
            memory.extend_from_slice(bytes);
            *slot = Some(Recent { flags, bytes: memory, header: header.clone() });
        }
        Ok(header)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(flags: u16, bytes: &[u8], header: &Header) -> Arc<Header> {
        find_or_read(flags, bytes, || Ok(Header { flags, ..header.clone() })).unwrap()
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
    fn what_is_not_to_be_kept_is_read_each_time() {
        let token = Header { acl_token: Some("secret".into()), ..Header::default() };
        let checksum = Header { checksum: true, ..Header::default() };
        for header in [token, checksum] {
            assert!(!Arc::ptr_eq(&find(0, b"once", &header), &find(0, b"once", &header)));
        }
    }

    #[test]
    fn an_error_is_not_remembered() {
        assert!(find_or_read(0, b"odd", || Err(WireError::protocol("odd"))).is_err());
        assert!(find_or_read(0, b"odd", || Ok(Header::default())).is_ok());
    }
}
