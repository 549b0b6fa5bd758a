//! Thrift Binary to protobuf, guided by the bytes alone: ids become tags, lists of numbers become packed.

use std::array;

const BOOL: u8 = 2;
const I8: u8 = 3;
const DOUBLE: u8 = 4;
const I16: u8 = 6;
const I32: u8 = 8;
const I64: u8 = 10;
const BINARY: u8 = 11;
const STRUCT: u8 = 12;
const MAP: u8 = 13;
const SET: u8 = 14;
const LIST: u8 = 15;

const VARINT: u64 = 0;
const FIXED_64: u64 = 1;
const DELIMITED: u64 = 2;

/// A struct as a message.
///
/// # Panics
/// On anything but well-formed Binary with positive field ids: the bytes are our own samples.
pub fn to_protobuf(bytes: &[u8]) -> Vec<u8> {
    let mut input = Input(bytes);
    let message = input.message();
    assert!(input.0.is_empty(), "the struct ends with the bytes");
    message
}

struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn message(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        loop {
            let ty = self.byte();
            if ty == 0 {
                return out;
            }
            let id = i16::from_be_bytes(self.array());
            self.field(&mut out, u64::try_from(id).expect("ids are positive"), ty);
        }
    }

    fn field(&mut self, out: &mut Vec<u8>, tag: u64, ty: u8) {
        match ty {
            LIST | SET => {
                let (element, count) = (self.byte(), self.count());
                if wire_type(element) == DELIMITED {
                    (0..count).for_each(|_| self.field(out, tag, element));
                } else if count > 0 {
                    let mut packed = Vec::new();
                    (0..count).for_each(|_| self.value(&mut packed, element));
                    delimited(out, tag, &packed);
                }
            }
            MAP => {
                let (key, value, count) = (self.byte(), self.byte(), self.count());
                for _ in 0..count {
                    let mut entry = Vec::new();
                    self.field(&mut entry, 1, key);
                    self.field(&mut entry, 2, value);
                    delimited(out, tag, &entry);
                }
            }
            _ => {
                varint(out, tag << 3 | wire_type(ty));
                self.value(out, ty);
            }
        }
    }

    fn value(&mut self, out: &mut Vec<u8>, ty: u8) {
        match ty {
            BOOL | I8 => varint(out, i64::from(self.byte().cast_signed()).cast_unsigned()),
            I16 => varint(out, i64::from(i16::from_be_bytes(self.array())).cast_unsigned()),
            I32 => varint(out, i64::from(i32::from_be_bytes(self.array())).cast_unsigned()),
            I64 => varint(out, u64::from_be_bytes(self.array())),
            DOUBLE => out.extend(u64::from_be_bytes(self.array()).to_le_bytes()),
            BINARY => {
                let len = self.count();
                let (body, rest) = self.0.split_at(len);
                self.0 = rest;
                varint(out, len as u64);
                out.extend_from_slice(body);
            }
            STRUCT => {
                let message = self.message();
                varint(out, message.len() as u64);
                out.extend(message);
            }
            _ => panic!("no sample has type {ty} here"),
        }
    }

    fn byte(&mut self) -> u8 {
        let [byte] = self.array();
        byte
    }

    fn count(&mut self) -> usize {
        u32::from_be_bytes(self.array()) as usize
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        let (head, rest) = self.0.split_at(N);
        self.0 = rest;
        array::from_fn(|at| head[at])
    }
}

fn wire_type(ty: u8) -> u64 {
    match ty {
        BINARY | STRUCT => DELIMITED,
        DOUBLE => FIXED_64,
        _ => VARINT,
    }
}

fn delimited(out: &mut Vec<u8>, tag: u64, body: &[u8]) {
    varint(out, tag << 3 | DELIMITED);
    varint(out, body.len() as u64);
    out.extend_from_slice(body);
}

fn varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}
