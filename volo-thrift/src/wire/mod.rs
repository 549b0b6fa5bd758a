//! Messages as bytes: framings, message heads and headers, as plain structs over slices.
//!
//! Nothing here waits, opens a socket or reads a clock. Received bytes become a frame through a [`Framer`]
//! ([`DetectFramer`] on a server, [`FixedFramer`] on a client), a frame becomes an [`Incoming`] through [`parse`];
//! the other way an [`Outgoing`] tells its exact size and writes itself into the transport's span. Header keys get
//! their meaning in `meta`.
//!
//! [`Framer`]: volo_core::net::Framer
#![forbid(unsafe_code)]

mod buffered;
mod checksum;
mod cursor;
mod detect;
mod error;
mod foreign;
mod framed;
mod front;
mod mesh;
mod message;
mod outgoing;
mod recent;
mod sink;
mod ttheader;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;
use volo_core::Raw;

use crate::Limits;
pub(crate) use crate::protocol::Protocol;
use cursor::Cursor;

pub use detect::{DetectFramer, FixedFramer};
pub use error::WireError;
pub use front::Front;
pub use message::{MessageHead, MessageKind};
pub use outgoing::Outgoing;
#[cfg(any(test, fuzzing))]
pub(crate) use recent::forget;
pub use ttheader::{Header, PAIRS_MAX, flag};

/// How messages are told apart in the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Framing {
    /// Message after message; the end is found by walking the values.
    Buffered,
    /// A length before each message.
    Framed,
    /// A length and a header with key-value pairs before each message.
    TtHeader,
    /// As [`Framing::TtHeader`], and a second length between header and message.
    TtHeaderFramed,
}

impl Framing {
    /// Whether a [`Header`] goes with each message.
    pub const fn has_header(self) -> bool {
        matches!(self, Framing::TtHeader | Framing::TtHeaderFramed)
    }
}

/// How a peer speaks; an answer is given in the dialect of the question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Dialect {
    /// How messages are told apart.
    pub framing: Framing,
    /// How values are encoded.
    pub protocol: Protocol,
}

impl Dialect {
    /// A dialect of these parts.
    pub const fn new(framing: Framing, protocol: Protocol) -> Self {
        Dialect { framing, protocol }
    }
}

/// A message whose head and header were read, its body still encoded.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// How it was written: what the framer found, refined by what the frame's inside shows.
    pub dialect: Dialect,
    /// The header, if the framing has one (or a mesh put one in front); messages with the same header share it.
    pub header: Option<Arc<Header>>,
    /// The sequence id of the TTHeader, or else of the message.
    pub outer_sequence_id: i32,
    /// What kind of message it is, of which method and call.
    pub head: MessageHead,
    /// The args or result struct, or the exception: a slice of the frame.
    pub body: Raw,
}

/// Reads the head and header of one whole `frame`, which a framer found to be of `dialect`.
///
/// The message's own first bytes decide between Binary and Compact, and between a TTHeader with and without a second
/// length, because peers are known to answer in another protocol than they were asked in.
///
/// # Errors
/// When head or header are malformed or pass a limit; the stream is still in step then, and the error keeps all that
/// is needed to answer it.
pub fn parse(frame: Bytes, dialect: Dialect, limits: &Limits) -> Result<Incoming, WireError> {
    let mut known = Known { dialect, sequence_id: 0 };
    known.parse(frame, limits).map_err(|error| error.within(known.dialect, known.sequence_id))
}

/// What is known about a frame so far, for the error's sake.
struct Known {
    dialect: Dialect,
    sequence_id: i32,
}

impl Known {
    fn parse(&mut self, frame: Bytes, limits: &Limits) -> Result<Incoming, WireError> {
        let mut cursor = Cursor::new(&frame);
        let mut header = mesh::read(&mut cursor)?.map(Arc::new);
        let mut outer_sequence_id = None;
        match self.dialect.framing {
            Framing::Buffered => {}
            Framing::Framed => framed::read(&mut cursor)?,
            Framing::TtHeader | Framing::TtHeaderFramed => {
                self.sequence_id = ttheader::peek_sequence_id(&frame).unwrap_or(0);
                let received = Header::read(&mut cursor, limits.header_max)?;
                checksum::check(received.checksum, cursor.as_slice())?;
                (header, outer_sequence_id) = (Some(received.header), Some(received.sequence_id));
                self.dialect.framing = Framing::TtHeader;
                if framed::is_at(&cursor) {
                    self.dialect.framing = Framing::TtHeaderFramed;
                    framed::read(&mut cursor)?;
                }
            }
        }
        self.dialect.protocol = message::protocol(cursor.peek());
        let head = message::read(&mut cursor, self.dialect.protocol)?;
        let format = self.dialect.protocol.format();
        let body = Raw { format, bytes: cursor.rest(), limits: limits.decode() };
        let outer_sequence_id = outer_sequence_id.unwrap_or(head.sequence_id);
        Ok(Incoming { dialect: self.dialect, header, outer_sequence_id, head, body })
    }
}
