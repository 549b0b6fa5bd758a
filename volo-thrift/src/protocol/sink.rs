//! Where a writer's bytes go: the cursor of a span, or a vector that grows when no size is known beforehand.

use volo_core::span::{Body, Cursor};

/// The few stores that both protocols are made of; see [`Cursor`], whose methods these are.
pub trait Sink: Sized {
    /// The low `len` bytes of `word`, lowest first; at most 8.
    fn put(self, word: u64, len: usize) -> Self;
    /// The low `head_len` bytes of `head`, at most 4, and all of `word`.
    fn put_pair(self, head: u32, head_len: usize, word: u64) -> Self;
    /// The low `head_len` bytes of `head`, at most 4, and `value` in seven-bit groups.
    fn put_leb128(self, head: u32, head_len: usize, value: u64) -> Self;
    /// The low `head_len` bytes of `head`, at most 8, and a body.
    fn put_body<B: Body + ?Sized>(self, head: u64, head_len: usize, body: &B) -> Self;
    /// A body longer than [`volo_core::span::COPY_MAX`].
    fn put_long<B: Body + ?Sized>(self, body: &B) -> Self;
    /// Bytes that are copied.
    fn put_slice(self, bytes: &[u8]) -> Self;
    /// All numbers, each in the bytes that `to_bytes` gives.
    fn put_numbers<T: Copy, const N: usize>(
        self,
        values: &[T],
        to_bytes: impl Fn(T) -> [u8; N] + Copy,
    ) -> Self;
}

impl Sink for Cursor<'_, '_> {
    #[inline(always)]
    fn put(self, word: u64, len: usize) -> Self {
        self.put(word, len)
    }

    #[inline(always)]
    fn put_pair(self, head: u32, head_len: usize, word: u64) -> Self {
        self.put_pair(head, head_len, word)
    }

    #[inline(always)]
    fn put_leb128(self, head: u32, head_len: usize, value: u64) -> Self {
        self.put_leb128(head, head_len, value)
    }

    #[inline(always)]
    fn put_body<B: Body + ?Sized>(self, head: u64, head_len: usize, body: &B) -> Self {
        self.put_body(head, head_len, body)
    }

    #[inline(always)]
    fn put_long<B: Body + ?Sized>(self, body: &B) -> Self {
        self.put_long(body)
    }

    #[inline(always)]
    fn put_slice(self, bytes: &[u8]) -> Self {
        self.put_slice(bytes)
    }

    #[inline(always)]
    fn put_numbers<T: Copy, const N: usize>(
        self,
        values: &[T],
        to_bytes: impl Fn(T) -> [u8; N] + Copy,
    ) -> Self {
        self.put_numbers(values, to_bytes)
    }
}

impl Sink for Vec<u8> {
    fn put(mut self, word: u64, len: usize) -> Self {
        self.extend_from_slice(&word.to_le_bytes()[..len]);
        self
    }

    fn put_pair(self, head: u32, head_len: usize, word: u64) -> Self {
        self.put(head.into(), head_len).put(word, 8)
    }

    fn put_leb128(self, head: u32, head_len: usize, value: u64) -> Self {
        let (mut to, mut value) = (self.put(head.into(), head_len), value);
        while value >= 0x80 {
            to.push(value as u8 | 0x80);
            value >>= 7;
        }
        to.push(value as u8);
        to
    }

    fn put_body<B: Body + ?Sized>(self, head: u64, head_len: usize, body: &B) -> Self {
        self.put(head, head_len).put_long(body)
    }

    fn put_long<B: Body + ?Sized>(self, body: &B) -> Self {
        self.put_slice(body.as_slice())
    }

    fn put_slice(mut self, bytes: &[u8]) -> Self {
        self.extend_from_slice(bytes);
        self
    }

    fn put_numbers<T: Copy, const N: usize>(
        mut self,
        values: &[T],
        to_bytes: impl Fn(T) -> [u8; N] + Copy,
    ) -> Self {
        self.extend(values.iter().flat_map(|value| to_bytes(*value)));
        self
    }
}
