//! The bytes being read: the one place of the decoder that holds raw pointers.
//!
//! A safe slice that shrinks from the front has to update pointer and length at every read; a cursor updates one.
//! Strings up to 30 bytes are built inside their slot, longer ones share one counted owner of the whole frame.

use std::{fmt::Write, marker::PhantomData, ptr, slice};

use bytes::Bytes;
use faststr::{BytesRef, FastStr};
use volo_core::DecodeLimits;

use super::{DecodeError, FieldHead, Protocol, Slot, Type, UnknownFields, scan, unknown, utf8};

/// Bytes that a [`FastStr`] keeps inside itself.
pub(super) const INLINE_MAX: usize = 30;

/// Names of a path that are shown from its start and from its end.
const PATH_SHOWN: usize = 6;

/// A frame, how far it was read, and what reading on may cost.
///
/// Invariant: `start <= cur <= end`, and `start..end` is the frame, borrowed for `'a`.
pub(super) struct Input<'a> {
    cur: *const u8,
    end: *const u8,
    start: *const u8,
    /// The owner of exactly `start..end`, if it can be shared.
    owner: Option<&'a Bytes>,
    /// The same owner behind one counter for all strings, made by the first long string.
    shared: Option<BytesRef>,
    depth: u32,
    budget: usize,
    trace: Vec<&'static str>,
    frame: PhantomData<&'a [u8]>,
}

impl<'a> Input<'a> {
    /// Reads a frame whose long strings and binaries are shared, not copied.
    pub(super) fn shared(frame: &'a Bytes, limits: DecodeLimits) -> Self {
        Input { owner: Some(frame), ..Input::borrowed(frame, limits) }
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
            to.fill(|| unsafe { FastStr::new_u8_slice_unchecked(text) });
            return Ok(());
        }
        match self.share() {
            // SAFETY: the text was validated, and is a part of the frame that `shared` owns.
            Some(shared) => to.fill(|| unsafe { FastStr::from_bytes_ref_unchecked(shared.slice_ref(text)) }),
            // SAFETY: the text was validated.
            None => to.fill(|| unsafe { FastStr::from_bytes_unchecked(Bytes::copy_from_slice(text)) }),
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

    #[inline(always)]
    fn share(&mut self) -> Option<&BytesRef> {
        if self.shared.is_none() {
            self.make_shared();
        }
        self.shared.as_ref()
    }

    #[cold]
    #[inline(never)]
    fn make_shared(&mut self) {
        self.shared = self.owner.map(|frame| BytesRef::from(frame.clone()));
    }
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
    fn long_strings_share_the_frame_and_replace_what_was_there() {
        let frame = Bytes::from("x".repeat(31));
        for mut input in [Input::shared(&frame, LIMITS), Input::borrowed(&frame, LIMITS)] {
            let mut slot = Some(FastStr::from_string("y".repeat(100)));
            input.string(31, &mut slot).unwrap();
            let shares = slot.as_ref().is_some_and(|text| text.as_ptr() == frame.as_ptr());
            assert_eq!((slot.as_deref(), shares), (Some("x".repeat(31).as_str()), input.owner.is_some()));
        }
        let mut short = FastStr::from_string("y".repeat(100));
        Input::shared(&frame, LIMITS).string(30, &mut short).unwrap();
        assert_eq!(short, "x".repeat(30));
        assert_eq!(Input::shared(&frame, LIMITS).binary(31).unwrap().as_ptr(), frame.as_ptr());
        assert_eq!(Input::borrowed(&frame, LIMITS).binary(31).unwrap(), frame);
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
