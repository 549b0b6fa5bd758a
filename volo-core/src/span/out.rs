//! A growing write buffer that lends its tail as spans: what stream transports write from.

use bytes::BytesMut;

use super::{LinkedAt, SCRATCH, Size, Span};
use crate::Result;

/// A write buffer: contiguous bytes beside the bodies linked into them.
#[derive(Debug, Default)]
pub struct OutBuf {
    bytes: BytesMut,
    links: Vec<LinkedAt>,
    committed_links: usize,
}

impl OutBuf {
    /// An empty buffer with this much room.
    pub fn with_capacity(capacity: usize) -> Self {
        OutBuf { bytes: BytesMut::with_capacity(capacity), ..OutBuf::default() }
    }

    /// Reserves exactly `size`, lets `fill` write, and keeps the bytes only if exactly `size` was written.
    ///
    /// # Errors
    /// What `fill` returned, or a size mismatch; the buffer is as before then.
    pub fn write(
        &mut self,
        size: Size,
        link_min: usize,
        fill: &mut dyn FnMut(&mut Span<'_>) -> Result<()>,
    ) -> Result<()> {
        self.links.truncate(self.committed_links); // leftovers of a fill that panicked
        let start = self.bytes.len();
        self.bytes.reserve(size.inline + SCRATCH);
        let mut span = Span::new(self.bytes.spare_capacity_mut(), size, start, link_min, &mut self.links)?;
        let filled = fill(&mut span);
        if let Err(error) = filled.and_then(|()| span.finish(size)) {
            self.links.truncate(self.committed_links);
            return Err(error);
        }
        self.committed_links = self.links.len();
        // SAFETY: `finish` found that all `inline` bytes behind `start` were written.
        unsafe { self.bytes.set_len(start + size.inline) }
        Ok(())
    }

    /// The contiguous bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The linked bodies, by position.
    pub fn links(&self) -> &[LinkedAt] {
        &self.links
    }

    /// Bytes on the wire, linked ones included.
    pub fn len(&self) -> usize {
        self.bytes.len() + self.links.iter().map(|link| link.body.as_slice().len()).sum::<usize>()
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.links.is_empty()
    }

    /// Forgets everything written, keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.links.clear();
        self.committed_links = 0;
    }

    /// All bytes in wire order, copied together.
    pub fn to_vec(&self) -> Vec<u8> {
        let (mut all, mut done) = (Vec::with_capacity(self.len()), 0);
        for link in &self.links {
            all.extend_from_slice(&self.bytes[done..link.position]);
            all.extend_from_slice(link.body.as_slice());
            done = link.position;
        }
        all.extend_from_slice(&self.bytes[done..]);
        all
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn write(out: &mut OutBuf, size: Size, fill: impl Fn(&mut Span<'_>)) -> Result<()> {
        out.write(size, 100, &mut |span| {
            fill(span);
            Ok(())
        })
    }

    #[test]
    fn a_lying_size_is_rolled_back() {
        let mut out = OutBuf::default();
        write(&mut out, Size::inline(4), |span| span.put_slice(b"keep")).unwrap();
        for inline in [0, 2, 4, 7, 100] {
            assert!(write(&mut out, Size::inline(inline), |span| span.put_slice(b"abc")).is_err());
        }
        let body = Bytes::from(vec![7; 200]);
        for linked in [0, 199, 201] {
            assert!(write(&mut out, Size { inline: 0, linked }, |span| span.put_body(&body)).is_err());
        }
        assert_eq!(out.to_vec(), b"keep");
    }

    #[test]
    fn long_bodies_are_linked_in_place() {
        let (mut out, body) = (OutBuf::default(), Bytes::from(vec![7; 200]));
        let size = Size { inline: 4, linked: 200 };
        write(&mut out, size, |span| {
            span.put_slice(b"ab");
            span.put_body(&body);
            span.put_slice(b"??");
            span.patch(2, b"cd");
        })
        .unwrap();
        assert_eq!((out.bytes(), out.len()), (&b"abcd"[..], 204));
        assert_eq!(out.to_vec(), [&b"ab"[..], &[7; 200], b"cd"].concat());
    }

    #[test]
    fn a_panic_while_filling_leaves_nothing_behind() {
        let (mut out, body) = (OutBuf::default(), Bytes::from(vec![7; 200]));
        let size = Size { inline: 4, linked: 200 };
        let attempt = std::panic::AssertUnwindSafe(|| {
            write(&mut out, size, |span| {
                span.put_body(&body);
                panic!("while encoding");
            })
        });
        assert!(std::panic::catch_unwind(attempt).is_err());
        write(&mut out, Size::inline(2), |span| span.put_slice(b"ok")).unwrap();
        assert_eq!(out.to_vec(), b"ok");
    }
}
