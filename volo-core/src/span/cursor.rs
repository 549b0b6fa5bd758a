//! The hot end of a span: a cursor that travels by value, so that it stays in registers.
//!
//! Every store is compared with the span's end. Running out of room is sticky and moves nothing, and whoever owns
//! the span finds out in [`Span::finish`]; so an encoder needs neither a result nor a branch of its own per value.

use std::ptr;

use bytes::Bytes;
use faststr::FastStr;

use super::{COPY_MAX, Linked, LinkedAt, SCRATCH, Span};

/// A variable-length value: copied while it is short, linked when it is long and has a shared owner.
pub trait Body {
    /// The bytes on the wire.
    fn as_slice(&self) -> &[u8];
    /// A counted reference to the same bytes, if there is an owner to share.
    fn link(&self) -> Option<Linked>;
}

impl Body for FastStr {
    #[inline(always)]
    fn as_slice(&self) -> &[u8] {
        self.as_bytes()
    }

    fn link(&self) -> Option<Linked> {
        Some(Linked::Text(self.clone()))
    }
}

impl Body for Bytes {
    #[inline(always)]
    fn as_slice(&self) -> &[u8] {
        self
    }

    fn link(&self) -> Option<Linked> {
        Some(Linked::Bytes(self.clone()))
    }
}

impl Body for [u8] {
    #[inline(always)]
    fn as_slice(&self) -> &[u8] {
        self
    }

    fn link(&self) -> Option<Linked> {
        None
    }
}

/// A position in a [`Span`]; what it wrote counts once it is [committed](Cursor::commit).
///
/// Not `Clone`: two cursors into one span could hide unwritten bytes. Invariant: `cur` lies between the span's own
/// cursor and its end, and everything between the two is initialised.
pub struct Cursor<'s, 'a> {
    cur: *mut u8,
    span: &'s mut Span<'a>,
}

impl<'a> Span<'a> {
    /// A cursor at the end of what was written.
    #[inline(always)]
    pub fn cursor(&mut self) -> Cursor<'_, 'a> {
        Cursor { cur: self.cur, span: self }
    }
}

impl Cursor<'_, '_> {
    /// Ends writing: what was written belongs to the span.
    #[inline(always)]
    pub fn commit(self) {
        self.span.cur = self.cur;
    }

    /// Marks the span as failed.
    #[cold]
    #[inline(never)]
    pub fn fail(self) -> Self {
        self.span.failed = true;
        self
    }

    /// Writes the low `len` bytes of `word`, lowest first; at most 8.
    #[inline(always)]
    pub fn put(mut self, word: u64, len: usize) -> Self {
        if len > 8 || self.room() < len {
            return self.fail();
        }
        // SAFETY: cur + len <= end, and the store ends at cur + 8, inside SCRATCH.
        unsafe {
            self.cur.cast::<u64>().write_unaligned(word.to_le());
            self.cur = self.cur.add(len);
        }
        self
    }

    /// Writes the low `head_len` bytes of `head`, at most 4, and all 8 of `word`, lowest first.
    #[inline(always)]
    pub fn put_pair(mut self, head: u32, head_len: usize, word: u64) -> Self {
        if head_len > 4 || self.room() < head_len + 8 {
            return self.fail();
        }
        // SAFETY: all head_len + 8 bytes lie before the end, and the first store ends at cur + 4, inside SCRATCH.
        unsafe {
            self.cur.cast::<u32>().write_unaligned(head.to_le());
            self.cur.add(head_len).cast::<u64>().write_unaligned(word.to_le());
            self.cur = self.cur.add(head_len + 8);
        }
        self
    }

    /// Writes the low `head_len` bytes of `head`, at most 4, and `value` in seven-bit groups, lowest first, all but
    /// the last marked by the high bit.
    #[inline(always)]
    pub fn put_leb128(mut self, head: u32, head_len: usize, value: u64) -> Self {
        const { assert!(4 + 10 <= SCRATCH) };
        if head_len > 4 {
            return self.fail();
        }
        // SAFETY: at most 4 + 10 bytes are stored from cur <= end on, so the stores end inside SCRATCH; the cursor
        // moves only if they end before `end`.
        unsafe {
            self.cur.cast::<u32>().write_unaligned(head.to_le());
            let (mut at, mut value) = (self.cur.add(head_len), value);
            while value >= 0x80 {
                at.write(value as u8 | 0x80);
                at = at.add(1);
                value >>= 7;
            }
            at.write(value as u8);
            at = at.add(1);
            if at > self.span.end {
                return self.fail();
            }
            self.cur = at;
        }
        self
    }

    /// Writes the low `head_len` bytes of `head`, at most 8, and the body; a short body shares the head's compare.
    #[inline(always)]
    pub fn put_body<B: Body + ?Sized>(mut self, head: u64, head_len: usize, body: &B) -> Self {
        let bytes = body.as_slice();
        if bytes.len() > COPY_MAX {
            return self.put(head, head_len).put_long(body);
        }
        if head_len > 8 || self.room() < head_len + bytes.len() {
            return self.fail();
        }
        // SAFETY: head and body lie before the end, and the head's store ends at cur + 8, inside SCRATCH. The body
        // is at most COPY_MAX long, and a borrowed slice can't overlap the span's exclusive memory.
        unsafe {
            self.cur.cast::<u64>().write_unaligned(head.to_le());
            copy_short(bytes, self.cur.add(head_len));
            self.cur = self.cur.add(head_len + bytes.len());
        }
        self
    }

    /// Writes a body longer than [`COPY_MAX`], linked if it reaches the span's `link_min` and has a shared owner.
    #[inline(never)]
    pub fn put_long<B: Body + ?Sized>(mut self, body: &B) -> Self {
        let len = body.as_slice().len();
        if len >= self.span.link_min {
            return self.link(body);
        }
        if len <= COPY_MAX || len > 2 * COPY_MAX || self.room() < len {
            return self.put_slice(body.as_slice());
        }
        // SAFETY: room was checked, len lies between COPY_MAX and twice that, and a borrowed slice can't overlap the
        // span's exclusive memory.
        unsafe {
            copy_ends::<COPY_MAX>(body.as_slice(), self.cur);
            self.cur = self.cur.add(len);
        }
        self
    }

    #[cold]
    #[inline(never)]
    fn link<B: Body + ?Sized>(self, body: &B) -> Self {
        let len = body.as_slice().len();
        let Some(linked) = body.link() else {
            return self.put_slice(body.as_slice());
        };
        let position = self.span.origin + (self.cur as usize - self.span.base as usize);
        self.span.linked += len;
        self.span.links.push(LinkedAt { position, body: linked });
        self
    }

    /// Copies `bytes` in, whatever their length.
    #[inline]
    pub fn put_slice(mut self, bytes: &[u8]) -> Self {
        if self.room() < bytes.len() {
            return self.fail();
        }
        // SAFETY: room was checked, and a borrowed slice can't overlap the span's exclusive memory.
        unsafe {
            ptr::copy_nonoverlapping(bytes.as_ptr(), self.cur, bytes.len());
            self.cur = self.cur.add(bytes.len());
        }
        self
    }

    /// Writes all numbers, each in the bytes that `to_bytes` gives; vectorised where the processor can.
    #[inline(always)]
    pub fn put_numbers<T: Copy, const N: usize>(
        mut self,
        values: &[T],
        to_bytes: impl Fn(T) -> [u8; N] + Copy,
    ) -> Self {
        if values.len() > self.room() / N.max(1) {
            return self.fail();
        }
        // SAFETY: values.len() * N bytes lie before the end.
        unsafe {
            store_numbers(values, self.cur, to_bytes);
            self.cur = self.cur.add(values.len() * N);
        }
        self
    }

    #[inline(always)]
    fn room(&self) -> usize {
        self.span.end as usize - self.cur as usize
    }
}

/// Overlapping copies of constant length instead of a call of `memcpy`: a quarter of the encode time of small objects.
/// The most frequent lengths come first.
///
/// # Safety
/// `to` has room for the bytes and doesn't overlap them; there are at most [`COPY_MAX`].
#[inline(always)]
pub(super) unsafe fn copy_short(from: &[u8], to: *mut u8) {
    // SAFETY: every arm fits the length.
    unsafe {
        if from.len() > 16 {
            if from.len() > 32 { copy_ends::<32>(from, to) } else { copy_ends::<16>(from, to) }
        } else if from.len() >= 8 {
            copy_ends::<8>(from, to);
        } else if from.len() >= 4 {
            copy_ends::<4>(from, to);
        } else if let [first, .., last] = from {
            to.write(*first);
            to.add(from.len() / 2).write(from[from.len() / 2]);
            to.add(from.len() - 1).write(*last);
        } else if let [only] = from {
            to.write(*only);
        }
    }
}

/// Copies the first and the last `N` bytes.
///
/// # Safety
/// `N <= from.len() <= 2 * N`, and `to` has room for all of them.
#[inline(always)]
unsafe fn copy_ends<const N: usize>(from: &[u8], to: *mut u8) {
    let rest = from.len() - N;
    // SAFETY: both ends lie inside the slice and together cover it.
    unsafe {
        ptr::copy_nonoverlapping(from.as_ptr(), to, N);
        ptr::copy_nonoverlapping(from.as_ptr().add(rest), to.add(rest), N);
    }
}

/// # Safety
/// `to` has room for `values.len() * N` bytes.
#[inline(always)]
unsafe fn store_numbers<T: Copy, const N: usize>(
    values: &[T],
    to: *mut u8,
    to_bytes: impl Fn(T) -> [u8; N] + Copy,
) {
    #[cfg(target_arch = "x86_64")]
    if values.len() >= 8 && std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2; the rest is the caller's promise.
        return unsafe { store_numbers_avx2(values, to, to_bytes) };
    }
    // SAFETY: the caller's promise.
    unsafe { store_each(values, to, to_bytes) }
}

/// # Safety
/// As [`store_numbers`], and the processor has AVX2.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn store_numbers_avx2<T: Copy, const N: usize>(
    values: &[T],
    to: *mut u8,
    to_bytes: impl Fn(T) -> [u8; N] + Copy,
) {
    // SAFETY: the caller's promise.
    unsafe { store_each(values, to, to_bytes) }
}

/// # Safety
/// As [`store_numbers`].
#[inline(always)]
unsafe fn store_each<T: Copy, const N: usize>(values: &[T], to: *mut u8, to_bytes: impl Fn(T) -> [u8; N]) {
    for (index, value) in values.iter().enumerate() {
        // SAFETY: index < values.len(), so the N bytes lie inside the promised room.
        unsafe { to.add(index * N).cast::<[u8; N]>().write_unaligned(to_bytes(*value)) }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::OutBuf, super::Size, *};

    fn written(
        size: usize,
        link_min: usize,
        fill: impl for<'s, 'a> Fn(Cursor<'s, 'a>) -> Cursor<'s, 'a>,
    ) -> Option<Vec<u8>> {
        let mut out = OutBuf::default();
        let done = out.write(Size::inline(size), link_min, &mut |span| {
            fill(span.cursor()).commit();
            Ok(())
        });
        done.is_ok().then(|| out.to_vec())
    }

    /// Writes with every size around the right one; only that one may pass.
    #[track_caller]
    fn check(expected: &[u8], fill: impl for<'s, 'a> Fn(Cursor<'s, 'a>) -> Cursor<'s, 'a>) {
        for size in 0..expected.len() + 20 {
            let found = written(size, usize::MAX, &fill);
            assert_eq!(found, (size == expected.len()).then(|| expected.to_vec()), "size {size}");
        }
    }

    #[test]
    fn words() {
        for len in 0..=8 {
            check(&[1, 2, 3, 4, 5, 6, 7, 8][..len], |cursor| cursor.put(0x0807_0605_0403_0201, len));
        }
        for len in 0..=4 {
            let expected = [&[1, 2, 3, 4][..len], &[9, 0, 0, 0, 0, 0, 0, 8]].concat();
            check(&expected, |cursor| cursor.put_pair(0x0403_0201, len, 0x0800_0000_0000_0009));
        }
        assert_eq!(written(9, 0, |cursor| cursor.put(0, 9)), None);
        assert_eq!(written(13, 0, |cursor| cursor.put_pair(0, 5, 0)), None);
    }

    #[test]
    fn seven_bit_groups() {
        check(&[7, 0], |cursor| cursor.put_leb128(7, 1, 0));
        check(&[0x80, 1], |cursor| cursor.put_leb128(7, 0, 128));
        let longest = [&[1, 2, 3, 4][..], &[255; 9], &[1]].concat();
        check(&longest, |cursor| cursor.put_leb128(0x0403_0201, 4, u64::MAX));
        assert_eq!(written(6, 0, |cursor| cursor.put_leb128(0, 5, 0)), None);
    }

    #[test]
    fn bodies_of_every_short_length() {
        let text: Vec<u8> = (1..=200).collect();
        for len in 0..=140 {
            let expected = [&[0xaa, 0xbb][..], &text[..len]].concat();
            check(&expected, |cursor| cursor.put_body(0xbbaa, 2, &text[..len]));
        }
        check(&text, |cursor| cursor.put_slice(&text));
    }

    #[test]
    fn only_long_bodies_with_an_owner_are_linked() {
        for (len, link_min, linked) in [(64, 1, 0), (65, 1, 65), (65, 66, 0), (100, 100, 100)] {
            let (mut out, body) = (OutBuf::default(), Bytes::from(vec![7; len]));
            let size = Size { inline: 1 + len - linked, linked };
            out.write(size, link_min, &mut |span| {
                span.cursor().put_body(9, 1, &body).commit();
                Ok(())
            })
            .unwrap();
            assert_eq!(out.to_vec(), [&[9][..], &body].concat());
            assert_eq!(
                written(len, link_min, |cursor| cursor.put_body(0, 0, &body[..])),
                Some(body.to_vec())
            );
        }
    }

    #[test]
    fn number_lists() {
        for len in [0, 1, 7, 8, 33] {
            let values: Vec<u64> = (0..len).map(|value| value * 0x0102_0304_0506_0708).collect();
            let expected: Vec<u8> = values.iter().flat_map(|value| value.to_be_bytes()).collect();
            check(&expected, |cursor| cursor.put_numbers(&values, u64::to_be_bytes));
        }
    }

    #[test]
    fn an_abandoned_cursor_wrote_nothing() {
        assert_eq!(written(1, 0, |cursor| cursor.put(1, 1)), Some(vec![1]));
        let mut out = OutBuf::default();
        let done = out.write(Size::inline(1), 0, &mut |span| {
            let _ = span.cursor().put(1, 1);
            Ok(())
        });
        assert!(done.is_err());
    }
}
