//! A growing write buffer that lends its tail as spans: what stream transports write from.

use std::{io::IoSlice, mem};

use bytes::Bytes;

use super::{LinkedAt, SCRATCH, Size, Span};
use crate::Result;

/// A write buffer: contiguous bytes beside the bodies linked into them, taken off the front as they are sent.
#[derive(Debug, Default)]
pub struct OutBuf {
    bytes: Vec<u8>,
    links: Vec<LinkedAt>,
    committed_links: usize,
    /// Bytes of the committed links, sent ones of the first included.
    linked: usize,
    /// Sent bytes at the front of `bytes`.
    sent: usize,
    /// Sent bytes of the first link.
    sent_of_link: usize,
}

impl OutBuf {
    /// An empty buffer with this much room.
    pub fn with_capacity(capacity: usize) -> Self {
        OutBuf { bytes: Vec::with_capacity(capacity), ..OutBuf::default() }
    }

    /// Reserves exactly `size`, lets `fill` write, and keeps the bytes only if exactly `size` was written.
    ///
    /// # Errors
    /// What `fill` returned, or a size mismatch; the buffer is as before then.
    #[inline]
    pub fn write(
        &mut self,
        size: Size,
        link_min: usize,
        fill: &mut dyn FnMut(&mut Span<'_>) -> Result<()>,
    ) -> Result<()> {
        if self.links.len() > self.committed_links {
            self.roll_back(); // leftovers of a fill that panicked
        }
        let room = size.inline.saturating_add(SCRATCH);
        if self.bytes.capacity() - self.bytes.len() < room {
            self.reserve(room);
        }
        let start = self.bytes.len();
        let mut span = Span::new(self.bytes.spare_capacity_mut(), size, start, link_min, &mut self.links)?;
        let filled = fill(&mut span);
        if let Err(error) = filled.and_then(|()| span.finish(size)) {
            self.roll_back();
            return Err(error);
        }
        self.committed_links = self.links.len();
        self.linked += size.linked;
        // SAFETY: `finish` found that all `inline` bytes behind `start` were written.
        unsafe { self.bytes.set_len(start + size.inline) }
        Ok(())
    }

    /// Forgets the links of what was not kept.
    #[cold]
    #[inline(never)]
    fn roll_back(&mut self) {
        self.links.truncate(self.committed_links);
    }

    /// Makes room, over sent bytes where they are at least half of all, so that moving stays cheap.
    #[cold]
    #[inline(never)]
    fn reserve(&mut self, more: usize) {
        if self.sent > self.bytes.len() / 2 {
            self.bytes.drain(..self.sent);
            self.links.iter_mut().for_each(|link| link.position -= self.sent);
            self.sent = 0;
        }
        self.bytes.reserve(more);
    }

    /// What is left to send, in wire order, as slices for one vectored write; gives how many were set.
    pub fn gather<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let pieces = slices.iter_mut().zip(self.pieces());
        pieces.map(|(slice, piece)| *slice = IoSlice::new(piece)).count()
    }

    /// Takes the first `count` bytes of what is left off: they were sent.
    pub fn advance(&mut self, mut count: usize) {
        let mut done = 0;
        for link in &self.links[..self.committed_links] {
            let before = count.min(link.position - self.sent);
            self.sent += before;
            count -= before;
            let body = link.body.as_slice().len();
            if count < body - self.sent_of_link {
                self.sent_of_link += count;
                count = 0;
                break;
            }
            count -= body - mem::take(&mut self.sent_of_link);
            self.linked -= body;
            done += 1;
        }
        self.links.drain(..done);
        self.committed_links -= done;
        self.sent = self.bytes.len().min(self.sent + count);
    }

    /// The contiguous bytes left to send, when nothing is linked between them.
    pub fn as_contiguous(&self) -> Option<&[u8]> {
        (self.committed_links == 0).then(|| &self.bytes[self.sent..])
    }

    /// Bytes left to send, linked ones included.
    pub fn len(&self) -> usize {
        self.bytes.len() - self.sent + self.linked - self.sent_of_link
    }

    /// Whether nothing is left to send.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of memory held, without linked bodies.
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Forgets everything written, keeps the memory.
    #[inline]
    pub fn clear(&mut self) {
        self.bytes.clear();
        if !self.links.is_empty() {
            self.links.clear();
        }
        (self.committed_links, self.linked, self.sent, self.sent_of_link) = (0, 0, 0, 0);
    }

    /// What is left to send as one piece, copied only if something was linked or sent.
    pub fn into_bytes(self) -> Bytes {
        let whole = self.links.is_empty() && self.sent == 0;
        Bytes::from(if whole { self.bytes } else { self.to_vec() })
    }

    /// All bytes left to send in wire order, copied together.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut all = Vec::with_capacity(self.len());
        self.pieces().for_each(|piece| all.extend_from_slice(piece));
        all
    }

    fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let links = &self.links[..self.committed_links];
        let (mut start, mut skip) = (self.sent, self.sent_of_link);
        let tail = links.last().map_or(self.sent, |link| link.position);
        let linked = links.iter().flat_map(move |link| {
            let before = &self.bytes[mem::replace(&mut start, link.position)..link.position];
            [before, &link.body.as_slice()[mem::take(&mut skip)..]]
        });
        linked.chain([&self.bytes[tail..]]).filter(|piece| !piece.is_empty())
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
        assert_eq!((out.bytes.as_slice(), out.len()), (&b"abcd"[..], 204));
        assert_eq!(out.to_vec(), [&b"ab"[..], &[7; 200], b"cd"].concat());
    }

    #[test]
    fn what_was_written_is_shown_in_wire_order() {
        let (mut out, body) = (OutBuf::default(), Bytes::from(vec![7; 200]));
        for before in 0..3 {
            let size = Size { inline: 5, linked: 400 };
            write(&mut out, size, |span| {
                let mut expected = vec![];
                for (text, linked) in [("ab", true), ("c", true), ("de", false)] {
                    span.put_slice(text.as_bytes());
                    expected.extend_from_slice(text.as_bytes());
                    if linked {
                        span.put_body(&body);
                        expected.extend_from_slice(&body);
                    }
                }
                for (position, skipped) in [(0, 0), (1, 1), (2, 2), (3, 203), (4, 404), (5, 405), (6, 405)] {
                    let mut seen = vec![];
                    span.visit(position, &mut |piece| seen.extend_from_slice(piece));
                    assert_eq!(seen, expected[skipped..], "from {position}, with {before} messages before");
                }
            })
            .unwrap();
        }
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

    #[test]
    fn sent_bytes_leave_from_the_front_whatever_the_steps() {
        let body = Bytes::from((0..200).collect::<Vec<u8>>());
        for step in [1, 2, 3, 64, 199, 203, 1000] {
            let (mut out, mut expected, mut sent) = (OutBuf::with_capacity(64), Vec::new(), Vec::new());
            for round in 0..20u8 {
                write(&mut out, Size { inline: 3, linked: 400 }, |span| {
                    span.put_slice(&[round]);
                    span.put_body(&body);
                    span.put_body(&body);
                    span.put_slice(b"ab");
                })
                .unwrap();
                expected.extend([&[round], &body[..], &body[..], b"ab"].concat());
                for _ in 0..3 {
                    let mut slices = [IoSlice::new(&[]); 3];
                    let count = out.gather(&mut slices);
                    let piece = slices[..count].iter().flat_map(|slice| slice.to_vec()).collect::<Vec<u8>>();
                    let taken = piece.len().min(step);
                    sent.extend_from_slice(&piece[..taken]);
                    out.advance(taken);
                    assert_eq!(out.len(), expected.len() - sent.len());
                    assert_eq!(out.to_vec(), expected[sent.len()..]);
                }
            }
            assert_eq!(expected[..sent.len()], sent, "step {step}");
        }
    }
}
