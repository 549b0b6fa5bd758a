//! The parts of which hostile messages are made.

use volo_thrift::{
    protocol::Protocol,
    wire::{Dialect, Framing, Incoming},
};

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

/// A call of `later` for 20 ms in Binary, without any framing.
pub fn later() -> Vec<u8> {
    let args = b"\x0a\0\x01\0\0\0\0\0\0\0\x07\x08\0\x02\0\0\0\x14\0";
    [&b"\x80\x01\0\x01\0\0\0\x05later\0\0\0\x07"[..], args].concat()
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

/// What a TTHeader holds at least: Binary, no transforms.
pub const NO_HEADER: &[u8] = b"\0\0";

/// What a TTHeader holds with these string pairs.
pub fn strings(pairs: &[(&[u8], &[u8])]) -> Vec<u8> {
    let mut header = both(b"\0\0\x01", (pairs.len() as u16).to_be_bytes());
    for text in pairs.iter().flat_map(|(key, value)| [key, value]) {
        header.extend((text.len() as u16).to_be_bytes());
        header.extend(*text);
    }
    header
}

/// A message in `dialect`, byte by byte; `header` goes into a TTHeader if there is one.
pub fn message(dialect: Dialect, header: &[u8], kind: u8, name: &str, id: i32, body: &[u8]) -> Vec<u8> {
    let len = name.len() as u8;
    let mut message = if dialect.protocol == Protocol::Binary {
        [&[0x80, 1, 0, kind, 0, 0, 0, len][..], name.as_bytes(), &id.to_be_bytes()].concat()
    } else {
        let mut head = vec![0x82, kind << 5 | 1];
        let mut rest = id as u32;
        while rest > 0x7f {
            head.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        head.extend([rest as u8, len]);
        head.extend(name.as_bytes());
        head
    };
    message.extend(body);
    match dialect.framing {
        Framing::Buffered => message,
        Framing::Framed => framed(&message),
        _ => {
            let mut whole = ttheader(0, header, &message);
            whole[8..12].copy_from_slice(&id.to_be_bytes());
            whole
        }
    }
}

/// The result of a call of `echo`: its argument, but for the field id, which is 0 instead of 1.
pub fn echo_result(call: &Incoming) -> Vec<u8> {
    let args = &call.body.bytes;
    match call.dialect.protocol {
        Protocol::Binary => both(b"\x0b\0\0", &args[3..]),
        Protocol::Compact => both(b"\x08\0", &args[1..]),
    }
}
