//! The parts of which hostile messages are made.

use volo_thrift::protocol::Protocol;

pub use crate::peer::framed;

/// The largest count or length that is not negative.
pub const HUGE: i32 = i32::MAX;

/// The same as a varint, and as one in zigzag form would read: 2^31-1.
pub const HUGE_VARINT: &[u8] = b"\xff\xff\xff\xff\x07";

/// 2^32-1 as a varint.
pub const MOST_VARINT: &[u8] = b"\xff\xff\xff\xff\x0f";

/// A call of `tree` with these arguments, without any framing.
pub fn tree(protocol: Protocol, args: &[u8]) -> Vec<u8> {
    let head: &[u8] = match protocol {
        Protocol::Binary => b"\x80\x01\0\x01\0\0\0\x04tree\0\0\0\x07",
        Protocol::Compact => b"\x82\x21\x07\x04tree",
    };
    [head, args].concat()
}

/// The arguments of `tree` in Binary: a node of these fields, ended.
pub fn node(fields: &[u8]) -> Vec<u8> {
    [b"\x0c\0\x01", fields, b"\0\0"].concat()
}

/// The arguments of `tree` in Compact: a node of these fields, ended.
pub fn compact_node(fields: &[u8]) -> Vec<u8> {
    [b"\x1c", fields, b"\0\0"].concat()
}

/// A whole TTHeader message: flags, the header (its words are counted here), the message.
pub fn ttheader(flags: u16, header: &[u8], message: &[u8]) -> Vec<u8> {
    let mut padded = header.to_vec();
    padded.resize(header.len().next_multiple_of(4), 0);
    ttheader_of(flags, (padded.len() / 4) as u16, &padded, message)
}

/// The same with a header length that may lie.
pub fn ttheader_of(flags: u16, words: u16, header: &[u8], message: &[u8]) -> Vec<u8> {
    let (flags, words) = (flags.to_be_bytes(), words.to_be_bytes());
    framed(&[b"\x10\0", &flags[..], b"\0\0\0\x07", &words, header, message].concat())
}

/// A Binary field with a container's or text's head: element types, then the count.
pub fn head(field_type: u8, id: u8, elements: &[u8], count: i32) -> Vec<u8> {
    [&[field_type, 0, id][..], elements, &count.to_be_bytes()].concat()
}

/// Two parts, one after the other.
pub fn both(first: impl AsRef<[u8]>, second: impl AsRef<[u8]>) -> Vec<u8> {
    [first.as_ref(), second.as_ref()].concat()
}
