//! Binary: fixed widths, big endian. A field is its type, its id in two bytes, and its value.

mod reader;
mod writer;

use volo_core::span::COPY_MAX;

pub use reader::BinaryReader;
pub use writer::BinaryWriter;

use super::{Levels, Protocol, Sizer};

/// Counts the bytes of values in Binary.
#[derive(Debug)]
pub struct BinarySizer {
    linked: usize,
    link_min: usize,
    levels: Levels,
}

impl BinarySizer {
    /// Counts for a span that links bodies of at least `link_min` bytes, and for values nested `depth_max` deep.
    pub fn new(link_min: usize, depth_max: u32) -> Self {
        BinarySizer { linked: 0, link_min: link_min.max(COPY_MAX + 1), levels: Levels::new(depth_max) }
    }

    /// Bytes that will be linked, of all counted so far.
    pub fn linked(&self) -> usize {
        self.linked
    }

    #[cold]
    #[inline(never)]
    fn link(&mut self, len: usize) {
        self.linked += len;
    }
}

impl Sizer for BinarySizer {
    type State = ();
    const START: () = ();
    const PROTOCOL: Protocol = Protocol::Binary;

    #[inline(always)]
    fn levels(&mut self) -> &mut Levels {
        &mut self.levels
    }

    #[inline(always)]
    fn head(&mut self, (): &mut (), _: i16) -> usize {
        3
    }

    #[inline(always)]
    fn bool_field(&mut self, (): &mut (), _: i16) -> usize {
        4
    }

    #[inline(always)]
    fn i16(&mut self, _: i16) -> usize {
        2
    }

    #[inline(always)]
    fn i32(&mut self, _: i32) -> usize {
        4
    }

    #[inline(always)]
    fn i64(&mut self, _: i64) -> usize {
        8
    }

    #[inline(always)]
    fn text(&mut self, len: usize) -> usize {
        if len >= self.link_min {
            self.link(len);
        }
        4 + len
    }

    #[inline(always)]
    fn slice(&mut self, len: usize) -> usize {
        4 + len
    }

    #[inline(always)]
    fn list(&mut self, _: usize) -> usize {
        5
    }

    #[inline(always)]
    fn map(&mut self, _: usize) -> usize {
        6
    }

    #[inline(always)]
    fn i16s(&mut self, values: &[i16]) -> usize {
        size_of_val(values)
    }

    #[inline(always)]
    fn i32s(&mut self, values: &[i32]) -> usize {
        size_of_val(values)
    }

    #[inline(always)]
    fn i64s(&mut self, values: &[i64]) -> usize {
        size_of_val(values)
    }
}
