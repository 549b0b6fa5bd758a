//! Field types as pilota's generated code reads and writes them.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::Hash,
};

use bytes::{Bytes, BytesMut};
use faststr::FastStr;
use linkedbytes::LinkedBytes;
use pilota::thrift::{
    Message, ProtocolException, ProtocolExceptionKind, TInputProtocol, TLengthProtocol, TListIdentifier,
    TMapIdentifier, TOutputProtocol, TSetIdentifier, TType, ThriftException, binary::TBinaryProtocol,
};
use volo_thrift::protocol::{Map, Set, Uuid};

/// What the result of a protocol call is.
pub type Result<T> = std::result::Result<T, ThriftException>;

/// Encodes as volo does: size, reserve, write, into a reused buffer.
///
/// # Errors
/// What pilota finds wrong.
pub fn write<M: Message>(message: &M, to: &mut LinkedBytes) -> Result<()> {
    let size = message.size(&mut TBinaryProtocol::new((), true));
    to.reserve(size);
    message.encode(&mut TBinaryProtocol::new(to, true))
}

/// Encodes into one piece.
///
/// # Errors
/// What pilota finds wrong.
pub fn to_vec<M: Message>(message: &M) -> Result<Vec<u8>> {
    let mut bytes = BytesMut::new();
    message.encode(&mut TBinaryProtocol::new(&mut bytes, false))?;
    Ok(bytes.to_vec())
}

/// Decodes a struct.
///
/// # Errors
/// What pilota finds wrong.
pub fn read<M: Message>(frame: &Bytes) -> Result<M> {
    let mut bytes = frame.clone();
    M::decode(&mut TBinaryProtocol::new(&mut bytes, true))
}

/// The error of the asynchronous decoder, which nothing here uses.
pub fn no_async() -> ThriftException {
    ProtocolException::new(ProtocolExceptionKind::NotImplemented, "no asynchronous decoder").into()
}

/// A value.
pub trait Peer: Sized {
    /// Its type.
    const TYPE: TType;
    /// Its bytes as an element.
    fn size<L: TLengthProtocol>(&self, protocol: &mut L) -> usize;
    /// Writes an element.
    fn write<O: TOutputProtocol>(&self, protocol: &mut O) -> Result<()>;
    /// Reads an element.
    fn read<I: TInputProtocol>(protocol: &mut I) -> Result<Self>;
}

/// A field: a value, or an option of one.
pub trait Field: Sized {
    /// The value's type.
    const TYPE: TType;
    /// Its bytes.
    fn field_size<L: TLengthProtocol>(&self, protocol: &mut L, id: i16) -> usize;
    /// Writes the field if it is set.
    fn write_field<O: TOutputProtocol>(&self, protocol: &mut O, id: i16) -> Result<()>;
    /// Reads its value.
    fn read_field<I: TInputProtocol>(protocol: &mut I) -> Result<Self>;
}

impl<T: Peer> Field for T {
    const TYPE: TType = T::TYPE;

    #[inline(always)]
    fn field_size<L: TLengthProtocol>(&self, protocol: &mut L, id: i16) -> usize {
        protocol.field_begin_len(T::TYPE, Some(id)) + self.size(protocol) + protocol.field_end_len()
    }

    #[inline(always)]
    fn write_field<O: TOutputProtocol>(&self, protocol: &mut O, id: i16) -> Result<()> {
        protocol.write_field_begin(T::TYPE, id)?;
        self.write(protocol)?;
        protocol.write_field_end()
    }

    #[inline(always)]
    fn read_field<I: TInputProtocol>(protocol: &mut I) -> Result<Self> {
        T::read(protocol)
    }
}

impl<T: Peer> Field for Option<T> {
    const TYPE: TType = T::TYPE;

    #[inline(always)]
    fn field_size<L: TLengthProtocol>(&self, protocol: &mut L, id: i16) -> usize {
        self.as_ref().map_or(0, |value| value.field_size(protocol, id))
    }

    #[inline(always)]
    fn write_field<O: TOutputProtocol>(&self, protocol: &mut O, id: i16) -> Result<()> {
        self.as_ref().map_or(Ok(()), |value| value.write_field(protocol, id))
    }

    #[inline(always)]
    fn read_field<I: TInputProtocol>(protocol: &mut I) -> Result<Self> {
        T::read(protocol).map(Some)
    }
}

macro_rules! scalar {
    ($($type:ty, $code:ident, |$protocol:ident, $value:ident| $size:expr, $write:expr, $read:expr;)*) => {
        $(impl Peer for $type {
            const TYPE: TType = TType::$code;

            #[inline(always)]
            fn size<L: TLengthProtocol>(&self, $protocol: &mut L) -> usize {
                let $value = self;
                $size
            }

            #[inline(always)]
            fn write<O: TOutputProtocol>(&self, $protocol: &mut O) -> Result<()> {
                let $value = self;
                $write
            }

            #[inline(always)]
            fn read<I: TInputProtocol>($protocol: &mut I) -> Result<Self> {
                $read
            }
        })*
    };
}

scalar! {
    bool, Bool, |p, v| p.bool_len(*v), p.write_bool(*v), p.read_bool();
    i8, I8, |p, v| p.i8_len(*v), p.write_i8(*v), p.read_i8();
    i16, I16, |p, v| p.i16_len(*v), p.write_i16(*v), p.read_i16();
    i32, I32, |p, v| p.i32_len(*v), p.write_i32(*v), p.read_i32();
    i64, I64, |p, v| p.i64_len(*v), p.write_i64(*v), p.read_i64();
    f64, Double, |p, v| p.double_len(*v), p.write_double(*v), p.read_double();
    FastStr, Binary, |p, v| p.faststr_len(v), p.write_faststr(v.clone()), p.read_faststr();
    Bytes, Binary, |p, v| p.bytes_len(v), p.write_bytes(v.clone()), p.read_bytes();
    Uuid, Uuid, |p, v| p.uuid_len(v.0), p.write_uuid(v.0), p.read_uuid().map(Uuid);
}

/// A struct as an element.
#[macro_export]
macro_rules! peer_struct {
    ($name:ident) => {
        impl $crate::peer::Peer for $name {
            const TYPE: ::pilota::thrift::TType = ::pilota::thrift::TType::Struct;

            #[inline(always)]
            fn size<L: ::pilota::thrift::TLengthProtocol>(&self, protocol: &mut L) -> usize {
                ::pilota::thrift::Message::size(self, protocol)
            }

            #[inline(always)]
            fn write<O: ::pilota::thrift::TOutputProtocol>(
                &self,
                protocol: &mut O,
            ) -> $crate::peer::Result<()> {
                ::pilota::thrift::Message::encode(self, protocol)
            }

            #[inline(always)]
            fn read<I: ::pilota::thrift::TInputProtocol>(protocol: &mut I) -> $crate::peer::Result<Self> {
                ::pilota::thrift::Message::decode(protocol)
            }
        }
    };
}

impl<T: Peer> Peer for Box<T> {
    const TYPE: TType = T::TYPE;

    #[inline(always)]
    fn size<L: TLengthProtocol>(&self, protocol: &mut L) -> usize {
        (**self).size(protocol)
    }

    #[inline(always)]
    fn write<O: TOutputProtocol>(&self, protocol: &mut O) -> Result<()> {
        (**self).write(protocol)
    }

    #[inline(always)]
    fn read<I: TInputProtocol>(protocol: &mut I) -> Result<Self> {
        T::read(protocol).map(Box::new)
    }
}

impl<T: Peer> Peer for Vec<T> {
    const TYPE: TType = TType::List;

    #[inline(always)]
    fn size<L: TLengthProtocol>(&self, protocol: &mut L) -> usize {
        let head = TListIdentifier { element_type: T::TYPE, size: self.len() };
        let mut size = protocol.list_begin_len(head);
        for value in self {
            size += value.size(protocol);
        }
        size + protocol.list_end_len()
    }

    #[inline(always)]
    fn write<O: TOutputProtocol>(&self, protocol: &mut O) -> Result<()> {
        protocol.write_list_begin(TListIdentifier { element_type: T::TYPE, size: self.len() })?;
        for value in self {
            value.write(protocol)?;
        }
        protocol.write_list_end()
    }

    #[inline(always)]
    fn read<I: TInputProtocol>(protocol: &mut I) -> Result<Self> {
        let head = protocol.read_list_begin()?;
        let mut values = Vec::with_capacity(head.size);
        for _ in 0..head.size {
            values.push(T::read(protocol)?);
        }
        protocol.read_list_end()?;
        Ok(values)
    }
}

macro_rules! set {
    ($set:ident, $($bound:path),*) => {
        impl<T: Peer $(+ $bound)*> Peer for $set<T> {
            const TYPE: TType = TType::Set;

            fn size<L: TLengthProtocol>(&self, protocol: &mut L) -> usize {
                let head = TSetIdentifier { element_type: T::TYPE, size: self.len() };
                protocol.set_begin_len(head) + self.iter().map(|value| value.size(protocol)).sum::<usize>()
            }

            fn write<O: TOutputProtocol>(&self, protocol: &mut O) -> Result<()> {
                protocol.write_set_begin(TSetIdentifier { element_type: T::TYPE, size: self.len() })?;
                self.iter().try_for_each(|value| value.write(protocol))?;
                protocol.write_set_end()
            }

            fn read<I: TInputProtocol>(protocol: &mut I) -> Result<Self> {
                let head = protocol.read_set_begin()?;
                let values = (0..head.size).map(|_| T::read(protocol)).collect::<Result<_>>()?;
                protocol.read_set_end()?;
                Ok(values)
            }
        }
    };
}

macro_rules! map {
    ($map:ident, $($bound:path),*) => {
        impl<K: Peer $(+ $bound)*, V: Peer> Peer for $map<K, V> {
            const TYPE: TType = TType::Map;

            fn size<L: TLengthProtocol>(&self, protocol: &mut L) -> usize {
                let head = TMapIdentifier { key_type: K::TYPE, value_type: V::TYPE, size: self.len() };
                let mut size = protocol.map_begin_len(head);
                for (key, value) in self {
                    size += key.size(protocol) + value.size(protocol);
                }
                size
            }

            fn write<O: TOutputProtocol>(&self, protocol: &mut O) -> Result<()> {
                let head = TMapIdentifier { key_type: K::TYPE, value_type: V::TYPE, size: self.len() };
                protocol.write_map_begin(head)?;
                for (key, value) in self {
                    key.write(protocol)?;
                    value.write(protocol)?;
                }
                protocol.write_map_end()
            }

            fn read<I: TInputProtocol>(protocol: &mut I) -> Result<Self> {
                let head = protocol.read_map_begin()?;
                let entries =
                    (0..head.size).map(|_| Ok((K::read(protocol)?, V::read(protocol)?))).collect::<Result<_>>()?;
                protocol.read_map_end()?;
                Ok(entries)
            }
        }
    };
}

set!(Set, Hash, Eq);
set!(BTreeSet, Ord);
map!(Map, Hash, Eq);
map!(BTreeMap, Ord);
