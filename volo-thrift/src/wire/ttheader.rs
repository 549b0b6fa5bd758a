//! TTHeader: a length, flags, a sequence id and key-value pairs before each message.
//!
//! Only the layout is here; what a key means is the business of `meta`. Layout, big endian: length of all that
//! follows (4), magic (2), flags (2), sequence id (4), header length in words (2); the header: protocol id (1),
//! number of transforms (1), info blocks, zeros up to a whole word; then the message.

use std::sync::Arc;

use faststr::FastStr;
use volo_core::{Error, Result, net::Frame};

use super::{WireError, checksum, cursor::Cursor, error::unwritable, framed, recent, sink::Sink};
use crate::{ApplicationKind, meta::keys, protocol::Protocol};

/// The most pairs a header may have, of each sort: later pairs win, so every one is compared with those before.
pub const PAIRS_MAX: usize = 1024;

/// What marks a TTHeader, behind the length.
pub(super) const MAGIC: u16 = 0x1000;

/// Bytes before the header: length, magic, flags, sequence id, header length.
const FRONT: usize = 14;
/// Where the sequence id stands.
pub(super) const SEQUENCE_ID: usize = 8;
const WORD: usize = 4;

/// What the flags of a [`Header`] say.
pub mod flag {
    /// Replies may overtake each other.
    pub const OUT_OF_ORDER: u16 = 0x0001;
    /// A frame of a stream.
    pub const STREAMING: u16 = 0x0002;
}

mod info {
    pub(super) const PADDING: u8 = 0x00;
    pub(super) const STRINGS: u8 = 0x01;
    pub(super) const INTEGERS: u8 = 0x10;
    pub(super) const ACL_TOKEN: u8 = 0x11;
}

/// The header of one message.
///
/// Pairs keep their order; where a key occurs twice, the later one counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// See [`flag`].
    pub flags: u16,
    /// Pairs whose keys are numbers.
    pub integers: Vec<(u16, FastStr)>,
    /// Pairs whose keys are texts.
    pub strings: Vec<(FastStr, FastStr)>,
    /// The access-control token.
    pub acl_token: Option<FastStr>,
    /// Whether a checksum of all that follows the header goes along; a received message that has one is intact.
    pub checksum: bool,
}

/// A header that was read, and what is its own message's alone.
pub(super) struct Received {
    /// May be shared with other messages.
    pub(super) header: Arc<Header>,
    pub(super) sequence_id: i32,
    pub(super) checksum: Option<checksum::Digits>,
}

/// Positions in a header that was written.
pub(super) struct Written {
    /// Of the checksum's text, if there is one.
    pub(super) checksum: Option<usize>,
    /// Behind the last pair.
    pub(super) end: usize,
}

impl Header {
    /// The value of an integer key.
    pub fn integer(&self, key: u16) -> Option<&FastStr> {
        self.integers.iter().rfind(|(known, _)| *known == key).map(|(_, value)| value)
    }

    /// The value of a string key.
    pub fn string(&self, key: &str) -> Option<&FastStr> {
        self.strings.iter().rfind(|(known, _)| known == key).map(|(_, value)| value)
    }

    /// Makes the header empty again, keeping its memory, so that one can serve a whole connection.
    pub fn clear(&mut self) {
        self.flags = 0;
        self.integers.clear();
        self.strings.clear();
        self.acl_token = None;
        self.checksum = false;
    }

    /// Writes the frame's front and the header. `total` is the size of the whole frame.
    pub(super) fn write(
        &self,
        sequence_id: i32,
        protocol: Protocol,
        total: usize,
        header_max: usize,
        sink: &mut impl Sink,
    ) -> Result<Written> {
        sink.put(&framed::length(total)?);
        sink.put(&MAGIC.to_be_bytes());
        sink.put(&self.flags.to_be_bytes());
        sink.put(&sequence_id.to_be_bytes());
        sink.put(&[0; 2]);
        let checksum = self.write_info(protocol, sink)?;
        let end = sink.position();
        let len = end - FRONT;
        sink.put(&[info::PADDING; WORD][..len.next_multiple_of(WORD) - len]);
        let len = sink.position() - FRONT;
        let words = u16::try_from(len / WORD).ok().filter(|_| len <= header_max);
        let words = words
            .ok_or_else(|| unwritable(format!("header of {len} bytes passes header_max of {header_max}")))?;
        sink.patch(FRONT - 2, &words.to_be_bytes());
        Ok(Written { checksum, end })
    }

    fn write_info(&self, protocol: Protocol, sink: &mut impl Sink) -> Result<Option<usize>> {
        let mut checksum = None;
        sink.put(&[protocol_id(protocol), 0]);
        if let Some(token) = &self.acl_token {
            sink.put(&[info::ACL_TOKEN]);
            write_text(token, "ACL token", sink)?;
        }
        if self.checksum || !self.strings.is_empty() {
            sink.put(&[info::STRINGS]);
            sink.put(&pair_count(self.strings.len() + usize::from(self.checksum))?);
            for (key, value) in &self.strings {
                write_text(key, key, sink)?;
                write_text(value, key, sink)?;
            }
        }
        if self.checksum {
            write_text(keys::CRC32C, keys::CRC32C, sink)?;
            write_text(checksum::BLANK, keys::CRC32C, sink)?;
            checksum = Some(sink.position() - checksum::BLANK.len());
        }
        if !self.integers.is_empty() {
            sink.put(&[info::INTEGERS]);
            sink.put(&pair_count(self.integers.len())?);
            for (key, value) in &self.integers {
                sink.put(&key.to_be_bytes());
                write_text(value, "integer key", sink)?;
            }
        }
        Ok(checksum)
    }

    /// Reads the frame's front and the header; the cursor is at the message then.
    pub(super) fn read(cursor: &mut Cursor<'_>, header_max: usize) -> Result<Received, WireError> {
        framed::read(cursor)?;
        if cursor.u16("header's magic")? != MAGIC {
            return Err(WireError::protocol("frame has no TTHeader"));
        }
        let flags = cursor.u16("header's flags")?;
        let sequence_id = cursor.i32("header's sequence id")?;
        let len = usize::from(cursor.u16("header's length")?) * WORD;
        if len > header_max {
            return Err(WireError::too_large("header", len, "header_max", header_max));
        }
        let info = cursor.split(len, "header")?;
        let (header, checksum) = if len > recent::LEN_MAX {
            let (header, checksum) = Header::read_all(flags, info.checked())?;
            (Arc::new(header), checksum)
        } else {
            recent::find_or_read(flags, info.as_slice(), || {
                Header::read_all(flags, info.detached().checked())
            })?
        };
        Ok(Received { header, sequence_id, checksum })
    }

    fn read_all(flags: u16, mut info: Cursor<'_>) -> Result<(Self, Option<checksum::Digits>), WireError> {
        check_protocol_id(info.u8("header's protocol id")?)?;
        check_transforms(info.u8("header's number of transforms")?)?;
        let mut header = Header { flags, ..Header::default() };
        while info.remaining() > 0 {
            header.read_info(&mut info)?;
        }
        let checksum = checksum::take(&mut header)?;
        header.checksum = checksum.is_some();
        Ok((header, checksum))
    }

    fn read_info(&mut self, info: &mut Cursor<'_>) -> Result<(), WireError> {
        match info.u8("info block")? {
            info::PADDING => {}
            info::ACL_TOKEN => self.acl_token = Some(read_text(info, "ACL token")?),
            info::STRINGS => read_strings(info, &mut self.strings)?,
            info::INTEGERS => {
                let count = read_count(info, 4, self.integers.len())?;
                self.integers.reserve_exact(count);
                for _ in 0..count {
                    let key = info.u16("header's integer key")?;
                    self.integers.push((key, read_text(info, "header's value")?));
                }
            }
            id => return Err(WireError::protocol(format!("header has an unknown info block {id:#04x}"))),
        }
        Ok(())
    }
}

/// Where the frame that starts with these bytes ends.
pub(super) fn frame(bytes: &[u8], message_max: usize) -> Result<Frame, WireError> {
    let Some(&[_, _, _, _, magic @ ..]) = bytes.first_chunk::<6>() else {
        return Ok(Frame::Partial(6));
    };
    if u16::from_be_bytes(magic) != MAGIC {
        return Err(WireError::protocol("peer's message has no TTHeader"));
    }
    match framed::frame(bytes, message_max)? {
        Frame::Partial(len) if bytes.len() < FRONT => Ok(Frame::Partial(len.min(FRONT))),
        frame => Ok(frame),
    }
}

/// Bytes of the front and the header at the start of `bytes`, if there are enough to tell.
pub(super) fn head(bytes: &[u8]) -> Option<usize> {
    let [.., high, low] = bytes.first_chunk::<FRONT>()?;
    Some(FRONT + usize::from(u16::from_be_bytes([*high, *low])) * WORD)
}

/// Reads a count and so many pairs of texts.
pub(super) fn read_strings(
    cursor: &mut Cursor<'_>,
    strings: &mut Vec<(FastStr, FastStr)>,
) -> Result<(), WireError> {
    let count = read_count(cursor, 4, strings.len())?;
    strings.reserve_exact(count);
    for _ in 0..count {
        let key = read_text(cursor, "header's string key")?;
        strings.push((key, read_text(cursor, "header's value")?));
    }
    Ok(())
}

/// A count of pairs that take at least `min` bytes each, `known` ones being there already.
fn read_count(cursor: &mut Cursor<'_>, min: usize, known: usize) -> Result<usize, WireError> {
    let count = usize::from(cursor.u16("header's number of pairs")?);
    if known + count > PAIRS_MAX {
        return Err(WireError::protocol(format!(
            "header of {} pairs passes the limit of {PAIRS_MAX}",
            known + count
        )));
    }
    if count * min > cursor.remaining() {
        return Err(WireError::protocol(format!("header has no room for the {count} pairs it claims")));
    }
    Ok(count)
}

fn read_text(cursor: &mut Cursor<'_>, what: &'static str) -> Result<FastStr, WireError> {
    let len = cursor.u16(what)?;
    cursor.text(usize::from(len), what)
}

/// The header's sequence id, for the answer to a frame whose header can't be read.
pub(super) fn peek_sequence_id(frame: &[u8]) -> Option<i32> {
    frame.get(8..12).and_then(|bytes| bytes.first_chunk()).map(|bytes| i32::from_be_bytes(*bytes))
}

const fn protocol_id(protocol: Protocol) -> u8 {
    match protocol {
        Protocol::Binary => 0,
        Protocol::Compact => 2,
    }
}

/// The id only says whether the message can be read at all: Kitex writes 0 whatever follows.
fn check_protocol_id(id: u8) -> Result<(), WireError> {
    let name = match id {
        0 | 2 => return Ok(()),
        3 => "fbthrift's Compact",
        4 | 0x11 => "Protobuf",
        0x10 => "a streamed struct",
        _ => "unknown",
    };
    let text = format!("header's protocol id {id} ({name}) is not supported");
    Err(WireError::new(ApplicationKind::INVALID_PROTOCOL, text))
}

fn check_transforms(count: u8) -> Result<(), WireError> {
    if count == 0 {
        return Ok(());
    }
    let text = format!("header asks for {count} transforms, none is supported");
    Err(WireError::new(ApplicationKind::INVALID_TRANSFORM, text))
}

#[inline]
fn pair_count(count: usize) -> Result<[u8; 2]> {
    match u16::try_from(count) {
        Ok(short) if count <= PAIRS_MAX => Ok(short.to_be_bytes()),
        _ => Err(unwritable(format!("header of {count} pairs passes the limit of {PAIRS_MAX}"))),
    }
}

#[inline]
fn write_text(text: &str, key: &str, sink: &mut impl Sink) -> Result<()> {
    let Ok(len) = u16::try_from(text.len()) else { return Err(too_long(text, key)) };
    sink.put(&len.to_be_bytes());
    sink.put(text.as_bytes());
    Ok(())
}

#[cold]
fn too_long(text: &str, key: &str) -> Error {
    unwritable(format!("header's {key:.64} takes {} bytes, a text can have 65535", text.len()))
}
