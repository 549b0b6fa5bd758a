//! Where a message's front is written to: nowhere, to learn its size, or into a span.
//!
//! One description of a layout serves both, so the two can't disagree.

use volo_core::Span;

pub(super) trait Sink {
    fn put(&mut self, bytes: &[u8]);

    /// Bytes put so far.
    fn position(&self) -> usize;

    /// Overwrites bytes put before.
    fn patch(&mut self, position: usize, bytes: &[u8]);

    /// An unsigned variable-length integer.
    fn put_varint(&mut self, mut value: u32) {
        let (mut bytes, mut len) = ([0; 5], 0);
        while value >= 0x80 {
            bytes[len] = value as u8 | 0x80;
            value >>= 7;
            len += 1;
        }
        bytes[len] = value as u8;
        self.put(&bytes[..=len]);
    }
}

/// Counts only.
#[derive(Default)]
pub(super) struct Count(usize);

impl Sink for Count {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.0 += bytes.len();
    }

    fn position(&self) -> usize {
        self.0
    }

    fn patch(&mut self, _: usize, _: &[u8]) {}
}

impl Sink for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    fn position(&self) -> usize {
        self.len()
    }

    fn patch(&mut self, position: usize, bytes: &[u8]) {
        if let Some(place) = self.get_mut(position..position + bytes.len()) {
            place.copy_from_slice(bytes);
        }
    }
}

impl Sink for Span<'_> {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.put_slice(bytes);
    }

    fn position(&self) -> usize {
        Span::position(self)
    }

    fn patch(&mut self, position: usize, bytes: &[u8]) {
        Span::patch(self, position, bytes);
    }
}
