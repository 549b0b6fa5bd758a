//! Framers: where a message ends, in a framing found out per message (servers) or configured (clients).
//!
//! The first six bytes tell all framings apart, because a name's length, a frame's length and a version differ in
//! their first byte. Whatever the pieces in which bytes arrive, the result is the same.

use volo_core::{
    Result,
    net::{Frame, Framer},
};

use super::{Dialect, Framing, WireError, buffered::Walk, foreign, framed, mesh, message, ttheader};
use crate::{Limits, protocol::Protocol};

/// Bytes that tell every dialect apart; Compact's first byte needs no more.
const ENOUGH: usize = 6;

/// A server's framer: finds out each message's dialect by itself.
pub struct DetectFramer {
    finder: Finder,
    dialect: Option<Dialect>,
}

impl DetectFramer {
    /// A framer for one connection.
    pub fn new(limits: &Limits) -> Self {
        DetectFramer { finder: Finder::new(limits), dialect: None }
    }

    /// The dialect of the frame found last.
    pub fn dialect(&self) -> Option<Dialect> {
        self.dialect
    }

    /// Bytes of the frame under way that come before its message's body, as far as that can be told: a TTHeader, the
    /// length of a Framed message, the head of a Buffered one. [`usize::MAX`] until it can.
    pub fn head(&self) -> usize {
        self.finder.head
    }
}

impl Framer for DetectFramer {
    fn frame(&mut self, bytes: &[u8]) -> Result<Frame> {
        let (frame, dialect) = self.finder.frame(bytes, None)?;
        self.dialect = dialect.or(self.dialect);
        Ok(frame)
    }
}

/// A client's framer: expects answers in the framing that is configured.
pub struct FixedFramer {
    finder: Finder,
    dialect: Dialect,
}

impl FixedFramer {
    /// A framer for one connection.
    pub fn new(dialect: Dialect, limits: &Limits) -> Self {
        FixedFramer { finder: Finder::new(limits), dialect }
    }

    /// The configured dialect.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }
}

impl Framer for FixedFramer {
    fn frame(&mut self, bytes: &[u8]) -> Result<Frame> {
        let (frame, _) = self.finder.frame(bytes, Some(self.dialect))?;
        Ok(frame)
    }
}

/// Finds one frame after the other; remembers how far a Buffered one was walked.
struct Finder {
    message_max: usize,
    header_max: usize,
    depth_max: u32,
    walk: Option<Walk>,
    /// Bytes before the body of the frame under way; set when it is not complete.
    head: usize,
}

impl Finder {
    fn new(limits: &Limits) -> Self {
        Finder {
            message_max: limits.message_max,
            header_max: limits.header_max,
            depth_max: limits.depth_max,
            walk: None,
            head: usize::MAX,
        }
    }

    /// Where the frame ends, and its dialect once that is known.
    fn frame(&mut self, bytes: &[u8], fixed: Option<Dialect>) -> Result<(Frame, Option<Dialect>), WireError> {
        self.head = usize::MAX;
        let skip = match mesh::frame(bytes, self.header_max)? {
            Frame::Partial(len) => return Ok((Frame::Partial(len), None)),
            Frame::Complete(skip) => skip,
        };
        let rest = &bytes[skip..];
        let Some(dialect) = fixed.map_or_else(|| detect(rest, self.message_max), |fixed| Ok(Some(fixed)))?
        else {
            let enough = if rest.is_empty() { 1 } else { ENOUGH };
            return Ok((Frame::Partial(skip + enough), None));
        };
        let frame = self.frame_in(dialect, rest, skip).map_err(|error| error.within(dialect, 0))?;
        let frame = match frame {
            Frame::Partial(len) => {
                self.head = self.head_in(dialect, rest).map_or(usize::MAX, |head| skip + head);
                Frame::Partial(skip + len)
            }
            Frame::Complete(len) => Frame::Complete(skip + len),
        };
        Ok((frame, Some(dialect)))
    }

    fn frame_in(&mut self, dialect: Dialect, bytes: &[u8], skip: usize) -> Result<Frame, WireError> {
        let message_max = self.message_max.saturating_sub(skip);
        match dialect.framing {
            Framing::Framed => framed::frame(bytes, message_max),
            Framing::TtHeader | Framing::TtHeaderFramed if skip > 0 => {
                Err(WireError::protocol("mesh header before a TTHeader"))
            }
            Framing::TtHeader | Framing::TtHeaderFramed => ttheader::frame(bytes, message_max),
            Framing::Buffered if bytes.is_empty() => Ok(Frame::Partial(1)),
            Framing::Buffered => {
                let depth_max = self.depth_max;
                let walk = self.walk.get_or_insert_with(|| Walk::new(bytes, depth_max));
                let frame = walk.frame(bytes, message_max)?;
                if matches!(frame, Frame::Complete(_)) {
                    self.walk = None;
                }
                Ok(frame)
            }
        }
    }
}

impl Finder {
    /// Bytes before the body, if that can be told.
    fn head_in(&self, dialect: Dialect, bytes: &[u8]) -> Option<usize> {
        match dialect.framing {
            Framing::Framed => Some(framed::PREFIX),
            Framing::TtHeader | Framing::TtHeaderFramed => ttheader::head(bytes),
            Framing::Buffered => self.walk.as_ref().and_then(Walk::head),
        }
    }
}

/// The dialect of the message that starts with these bytes; `None` if they are too few.
fn detect(bytes: &[u8], message_max: usize) -> Result<Option<Dialect>, WireError> {
    let found = |framing, protocol| Ok(Some(Dialect::new(framing, protocol)));
    if bytes.first() == Some(&message::COMPACT_ID) {
        return found(Framing::Buffered, Protocol::Compact);
    }
    if bytes.starts_with(&[0; framed::PREFIX]) {
        return Err(WireError::protocol("frame is empty"));
    }
    let Some(&[a, b, c, d, inner @ ..]) = bytes.first_chunk::<ENOUGH>() else {
        return Ok(None);
    };
    if [a, b] == [0x80, 0x01] {
        return found(Framing::Buffered, Protocol::Binary);
    }
    let first = u32::from_be_bytes([a, b, c, d]);
    if first as usize > message_max {
        foreign::refuse(bytes)?;
    }
    match inner {
        [0x10, 0x00] => found(Framing::TtHeader, Protocol::Binary),
        [0x0f, 0xff] => Err(WireError::protocol("THeader is not supported, use TTHeader or Framed")),
        [0x80, 0x01] => found(Framing::Framed, Protocol::Binary),
        [message::COMPACT_ID, _] => found(Framing::Framed, Protocol::Compact),
        _ if a >= 0x80 => Err(message::bad_version(first)),
        // A length, then a message without version, whose name's length starts with a zero; or one that `parse`
        // will refuse, its end being known.
        [0x00 | 0x80.., _] => found(Framing::Framed, Protocol::Binary),
        // A message without version: the length of its name, then the name.
        [name, _] if name.is_ascii_graphic() => found(Framing::Buffered, Protocol::Binary),
        _ => Err(message::bad_version(first)),
    }
}
