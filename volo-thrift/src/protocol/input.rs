//! The bytes being read: the one place of the decoder that holds raw pointers.
//!
//! A safe slice that shrinks from the front has to update pointer and length at every read; a cursor updates one.
//! Strings up to 30 bytes are built inside their slot; longer ones share one counted owner of the whole frame, or are
//! copied out of a short one.

use std::{fmt::Write, marker::PhantomData, ptr, slice, sync::Arc};

use bytes::Bytes;
use faststr::{BytesRef, FastStr};
use volo_core::DecodeLimits;

use super::{DecodeError, FieldHead, Protocol, Slot, Type, UnknownFields, scan, unknown, utf8};

/// Bytes that a [`FastStr`] keeps inside itself.
pub(super) const INLINE_MAX: usize = 30;

/// In frames up to this length long strings and binaries are copied: an allocation costs less than the counters of a
/// shared owner, and a short message doesn't keep the large buffer in memory that it was received in.
const COPIED_FRAME_MAX: usize = 256;

/// Names of a path that are shown from its start and from its end.
const PATH_SHOWN: usize = 6;

/// A frame, how far it was read, and what reading on may cost.
///
/// Invariant: `start <= cur <= end`, and `start..end` is the frame, borrowed for `'a`.
pub(super) struct Input<'a> {
    cur: *const u8,
    end: *const u8,
    start: *const u8,
    /// The owner of exactly `start..end`, if it is to be shared.
    owner: Option<&'a Bytes>,
    /// The same owner behind one counter for all strings, made by the first long string.
    shared: Option<BytesRef>,
    depth: u32,
    budget: usize,
    trace: Vec<&'static str>,
    frame: PhantomData<&'a [u8]>,
}

impl<'a> Input<'a> {
    /// Reads a frame whose long strings and binaries are shared, unless it is so short that copies are cheaper.
    pub(super) fn shared(frame: &'a Bytes, limits: DecodeLimits) -> Self {
        let owner = (frame.len() > COPIED_FRAME_MAX).then_some(frame);
        Input { owner, ..Input::borrowed(frame, limits) }
    }

    /// Reads borrowed bytes; strings and binaries are copied.
    pub(super) fn borrowed(frame: &'a [u8], limits: DecodeLimits) -> Self {
        let range = frame.as_ptr_range();
        Input {
            cur: range.start,
            end: range.end,
            start: range.start,
            owner: None,
            shared: None,
            depth: limits.depth_max,
            budget: limits.memory_max,
            trace: Vec::new(),
            frame: PhantomData,
        }
    }

    #[inline(always)]
    pub(super) fn left(&self) -> usize {
        self.end as usize - self.cur as usize
    }

    #[inline(always)]
    pub(super) fn position(&self) -> usize {
        self.cur as usize - self.start as usize
    }

    #[inline(always)]
    pub(super) fn rest(&self) -> &'a [u8] {
        // SAFETY: cur..end lies inside the frame, which is borrowed for 'a.
        unsafe { slice::from_raw_parts(self.cur, self.left()) }
    }

    #[inline(always)]
    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        if len > self.left() {
            return Err(too_short(len));
        }
        // SAFETY: len bytes are left inside the frame, which is borrowed for 'a.
        unsafe {
            let bytes = slice::from_raw_parts(self.cur, len);
            self.cur = self.cur.add(len);
            Ok(bytes)
        }
    }

    #[inline(always)]
    pub(super) fn peek<const N: usize>(&self) -> Option<[u8; N]> {
        if N > self.left() {
            return None;
        }
        // SAFETY: N bytes are left.
        Some(unsafe { self.cur.cast::<[u8; N]>().read_unaligned() })
    }

    #[inline(always)]
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let bytes = self.peek().ok_or(DecodeError::UnexpectedEnd)?;
        // SAFETY: N bytes were left.
        self.cur = unsafe { self.cur.add(N) };
        Ok(bytes)
    }

    #[inline(always)]
    pub(super) fn string(&mut self, len: usize, to: &mut impl Slot) -> Result<(), DecodeError> {
        let text = self.take(len)?;
        if !utf8::is_valid(text) {
            return Err(DecodeError::InvalidUtf8);
        }
        if len <= INLINE_MAX {
            // SAFETY: the text was validated.
            unsafe { fill_short(text, to) };
            return Ok(());
        }
        let Some(frame) = self.owner else {
            // SAFETY: the text was validated.
            let copy: Arc<str> = unsafe { str::from_utf8_unchecked(text) }.into();
            to.fill(|| FastStr::from_arc_str(copy));
            return Ok(());
        };
        if self.shared.is_none() {
            self.shared = Some(shared_owner(frame));
        }
        if let Some(shared) = &self.shared {
            // SAFETY: the text was validated, and is a part of the frame that `shared` owns.
            to.fill(|| unsafe { FastStr::from_bytes_ref_unchecked(shared.slice_ref(text)) });
        }
        Ok(())
    }

    pub(super) fn binary(&mut self, len: usize) -> Result<Bytes, DecodeError> {
        let start = self.position();
        let bytes = self.take(len)?;
        match self.owner {
            Some(frame) => Ok(frame.slice(start..start + len)),
            None => Ok(Bytes::copy_from_slice(bytes)),
        }
    }

    #[inline(always)]
    pub(super) fn charge(&mut self, memory: usize) -> Result<(), DecodeError> {
        match self.budget.checked_sub(memory) {
            Some(left) => {
                self.budget = left;
                Ok(())
            }
            None => Err(DecodeError::OverBudget),
        }
    }

    #[inline(always)]
    pub(super) fn admit(&mut self, count: usize, min: usize, memory: usize) -> Result<usize, DecodeError> {
        if count > self.left() / min.max(1) {
            return Err(DecodeError::BadLength);
        }
        self.charge(count.saturating_mul(memory))?;
        Ok(count)
    }

    #[inline(always)]
    pub(super) fn enter(&mut self) -> Result<(), DecodeError> {
        if self.depth == 0 {
            return Err(DecodeError::TooDeep);
        }
        self.depth -= 1;
        Ok(())
    }

    #[inline(always)]
    pub(super) fn leave(&mut self) {
        self.depth += 1;
    }

    /// Passes over one value as it is in a container, and gives its bytes.
    #[cold]
    pub(super) fn skip(&mut self, protocol: Protocol, value: Type) -> Result<&'a [u8], DecodeError> {
        let len = scan::value_len(protocol, value, self.depth, self.rest())?;
        self.take(len)
    }

    /// Keeps one field, its value being encoded as it is in a container.
    #[cold]
    pub(super) fn keep(
        &mut self,
        protocol: Protocol,
        head: FieldHead,
        value: &[u8],
        to: &mut UnknownFields,
    ) -> Result<(), DecodeError> {
        self.charge(unknown::FIELD_MEMORY.saturating_add(value.len()))?;
        to.push(protocol, head.id(), head.field_type()?, value);
        Ok(())
    }

    #[cold]
    #[inline(never)]
    pub(super) fn trace(&mut self, name: &'static str) {
        self.trace.push(name);
    }

    /// Where reading stopped, as `Struct.field.field at byte N`.
    pub(super) fn place(&self) -> String {
        // The names alternate: a struct, its field, the struct in it, its field; only the first struct is shown.
        let names = self.trace.iter().rev().enumerate().filter(|(index, _)| *index == 0 || index % 2 == 1);
        let path: Vec<&str> = names.map(|(_, name)| *name).collect();
        let mut place = match path.len().checked_sub(2 * PATH_SHOWN) {
            Some(hidden @ 1..) => {
                let (start, end) = (&path[..PATH_SHOWN], &path[path.len() - PATH_SHOWN..]);
                format!("{}.({hidden} more).{}", start.join("."), end.join("."))
            }
            _ => path.join("."),
        };
        let _ = write!(place, "{}at byte {}", if place.is_empty() { "" } else { " " }, self.position());
        place
    }
}

/// Fills `to` with a text that fits inside a [`FastStr`]. One arm for each length: with a constant length the string is
/// made in registers, with any other by a call each of `memset` and `memcpy`.
///
/// # Safety
/// The text is UTF-8.
#[inline(never)]
unsafe fn fill_short<S: Slot>(text: &[u8], to: &mut S) {
    macro_rules! by_length {
        ($($len:literal)+) => {
            match text.len() {
                $($len => {
                    let text = text.first_chunk::<$len>().map_or(&[][..], |text| &text[..]);
                    // SAFETY: the text is UTF-8.
                    to.fill(|| unsafe { FastStr::new_u8_slice_unchecked(text) });
                })+
                // SAFETY: the text is UTF-8.
                _ => to.fill(|| unsafe { FastStr::new_u8_slice_unchecked(text) }),
            }
        };
    }
    by_length!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30);
}

#[cold]
#[inline(never)]
fn shared_owner(frame: &Bytes) -> BytesRef {
    BytesRef::from(frame.clone())
}

/// Why `len` bytes can't be read where fewer are left.
#[cold]
fn too_short(len: usize) -> DecodeError {
    if i32::try_from(len).is_ok() { DecodeError::UnexpectedEnd } else { DecodeError::BadLength }
}

impl Slot for FastStr {
    #[inline(always)]
    fn fill(&mut self, make: impl FnOnce() -> FastStr) {
        *self = FastStr::empty();
        // SAFETY: an empty string owns nothing, so nothing leaks by not dropping it. Written this way so that the
        // new string is built in place: built on the stack and moved, it costs a sixth of decoding.
        unsafe { ptr::write(self, make()) }
    }
}

impl Slot for Option<FastStr> {
    #[inline(always)]
    fn fill(&mut self, make: impl FnOnce() -> FastStr) {
        if self.is_some() {
            *self = None;
        }
        // SAFETY: `None` owns nothing, so nothing leaks by not dropping it.
        unsafe { ptr::write(self, Some(make())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: DecodeLimits = DecodeLimits { depth_max: 2, memory_max: 100 };

    #[test]
    fn nothing_is_read_past_the_end() {
        let frame = Bytes::from_static(b"abcd");
        let mut input = Input::shared(&frame, LIMITS);
        assert_eq!(input.take(5), Err(DecodeError::UnexpectedEnd));
        assert_eq!(input.take(usize::MAX), Err(DecodeError::BadLength));
        assert_eq!(input.peek::<5>(), None);
        assert_eq!(input.array::<3>(), Ok(*b"abc"));
        assert_eq!((input.position(), input.left(), input.rest()), (3, 1, &b"d"[..]));
        assert_eq!(input.array::<2>(), Err(DecodeError::UnexpectedEnd));
        assert_eq!(input.take(1), Ok(&b"d"[..]));
        assert_eq!(input.take(0), Ok(&b""[..]));
        assert_eq!(input.peek::<1>(), None);
    }

    #[test]
    fn long_strings_replace_what_was_there_and_share_all_but_short_frames() {
        for (len, shared) in [(31, false), (COPIED_FRAME_MAX, false), (COPIED_FRAME_MAX + 1, true)] {
            let frame = Bytes::from("x".repeat(len));
            let shares = |pointer: *const u8| frame.as_ptr_range().contains(&pointer);
            for (mut input, shared) in
                [(Input::shared(&frame, LIMITS), shared), (Input::borrowed(&frame, LIMITS), false)]
            {
                let mut slot = Some(FastStr::from_string("y".repeat(100)));
                input.string(31, &mut slot).unwrap();
                let text = slot.unwrap();
                assert_eq!(
                    (text.as_str(), shares(text.as_ptr())),
                    ("x".repeat(31).as_str(), shared),
                    "{len}"
                );
                let rest = input.binary(len - 31).unwrap();
                assert_eq!((&rest[..], shares(rest.as_ptr()) && len > 31), (&frame[31..], shared), "{len}");
            }
        }
    }

    #[test]
    fn short_strings_of_every_length() {
        let frame = Bytes::from(('a'..='z').chain('A'..='Z').collect::<String>());
        for len in 0..=40 {
            let (mut text, mut slot) = (FastStr::from_string("y".repeat(100)), Some(FastStr::new("z")));
            Input::shared(&frame, LIMITS).string(len, &mut text).unwrap();
            Input::shared(&frame, LIMITS).string(len, &mut slot).unwrap();
            assert_eq!((text.as_bytes(), slot.as_deref()), (&frame[..len], Some(text.as_str())));
        }
    }

    #[test]
    fn counts_are_bounded_and_charged() {
        let mut input = Input::borrowed(&[0; 10], LIMITS);
        assert_eq!(input.admit(6, 2, 1), Err(DecodeError::BadLength));
        assert_eq!(input.admit(5, 2, 10), Ok(5));
        assert_eq!(input.admit(6, 1, 10), Err(DecodeError::OverBudget));
        assert_eq!(input.admit(5, 0, usize::MAX), Err(DecodeError::OverBudget));
        assert_eq!(input.charge(50), Ok(()));
        assert_eq!(input.charge(1), Err(DecodeError::OverBudget));
    }

    #[test]
    fn places_name_the_outermost_struct_and_the_fields() {
        let mut input = Input::borrowed(b"abc", LIMITS);
        assert_eq!(input.place(), "at byte 0");
        for name in ["amount", "Money", "price", "Offering"] {
            input.trace(name);
        }
        assert_eq!(input.place(), "Offering.price.amount at byte 0");
        (0..40).for_each(|_| input.trace("x"));
        assert_eq!(input.place(), "x.x.x.x.x.x.(11 more).x.x.x.x.price.amount at byte 0");
    }
}
