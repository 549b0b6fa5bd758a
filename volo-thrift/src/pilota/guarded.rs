//! pilota's Binary reader behind checks of ours: it trusts lengths, counts and texts, and we don't.
//!
//! Every length is compared with the bytes left and every text is validated before pilota sees it; structs inside each
//! other and the memory of containers are limited as everywhere else. What an element takes in memory can't be known
//! here, so it is estimated by the type on the wire.

use ::pilota::thrift::{
    ProtocolExceptionKind, TFieldIdentifier, TInputProtocol, TLengthProtocol, TListIdentifier,
    TMapIdentifier, TMessageIdentifier, TSetIdentifier, TStructIdentifier, TType, ThriftException,
    binary::TBinaryProtocol, new_protocol_exception,
};
use bytes::Bytes;
use faststr::FastStr;
use volo_core::DecodeLimits;

use crate::protocol::{DecodeError, Protocol, Type, value_len};

type Result<T> = std::result::Result<T, ThriftException>;

/// A struct to be decoded, and what that may cost.
pub(super) struct Guarded<'a> {
    inner: TBinaryProtocol<&'a mut Bytes>,
    depth: u32,
    budget: usize,
}

impl<'a> Guarded<'a> {
    pub(super) fn new(bytes: &'a mut Bytes, limits: DecodeLimits) -> Self {
        Guarded {
            inner: TBinaryProtocol::new(bytes, true),
            depth: limits.depth_max,
            budget: limits.memory_max,
        }
    }

    fn rest(&mut self) -> &[u8] {
        self.inner.buf()
    }

    /// The text or binary that follows, which is whole.
    fn text(&mut self) -> Result<&[u8]> {
        let rest = self.rest();
        let (len, rest) = rest.split_first_chunk().ok_or_else(|| refused(DecodeError::UnexpectedEnd))?;
        let len = usize::try_from(i32::from_be_bytes(*len)).ok();
        len.and_then(|len| rest.get(..len)).ok_or_else(|| refused(DecodeError::BadLength))
    }

    fn valid_text(&mut self) -> Result<()> {
        match simdutf8::basic::from_utf8(self.text()?) {
            Ok(_) => Ok(()),
            Err(_) => Err(refused(DecodeError::InvalidUtf8)),
        }
    }

    /// Checks the count of a container whose elements have these types on the wire.
    fn container<const N: usize>(&mut self) -> Result<()> {
        let rest = self.rest();
        let (types, rest) =
            rest.split_first_chunk::<N>().ok_or_else(|| refused(DecodeError::UnexpectedEnd))?;
        let (count, rest) = rest.split_first_chunk().ok_or_else(|| refused(DecodeError::UnexpectedEnd))?;
        let count =
            usize::try_from(i32::from_be_bytes(*count)).map_err(|_| refused(DecodeError::BadLength))?;
        if count == 0 {
            return Ok(());
        }
        let (mut min, mut memory) = (0, 0);
        for code in types {
            let costs = Type::from_code(*code).map(costs).ok_or_else(|| refused(DecodeError::WrongType))?;
            (min, memory) = (min + costs.0, memory + costs.1);
        }
        if count > rest.len() / min {
            return Err(refused(DecodeError::BadLength));
        }
        let left = self.budget.checked_sub(count.saturating_mul(memory));
        self.budget = left.ok_or_else(|| refused(DecodeError::OverBudget))?;
        Ok(())
    }
}

/// The fewest bytes a value of this type takes on the wire, and an estimate of what it takes in memory.
const fn costs(element: Type) -> (usize, usize) {
    match element {
        Type::Bool | Type::I8 => (1, 8),
        Type::I16 => (2, 8),
        Type::I32 => (4, 8),
        Type::I64 | Type::Double => (8, 16),
        Type::Uuid => (16, 16),
        Type::String => (4, 32),
        Type::Struct => (1, 128),
        Type::List | Type::Set => (5, 64),
        Type::Map => (6, 64),
    }
}

fn refused(error: DecodeError) -> ThriftException {
    let kind = match error {
        DecodeError::TooDeep => ProtocolExceptionKind::DepthLimit,
        DecodeError::OverBudget => ProtocolExceptionKind::SizeLimit,
        _ => ProtocolExceptionKind::InvalidData,
    };
    new_protocol_exception(kind, error.to_string())
}

/// Hands functions on to pilota as they are.
macro_rules! pass {
    ($($name:ident($($argument:ident: $type:ty),*) -> $result:ty;)*) => {
        $(#[inline]
        fn $name(&mut self, $($argument: $type),*) -> $result {
            self.inner.$name($($argument),*)
        })*
    };
}

impl TInputProtocol for Guarded<'_> {
    type Buf = Bytes;

    pass! {
        read_message_begin() -> Result<TMessageIdentifier>;
        read_message_end() -> Result<()>;
        read_field_begin() -> Result<TFieldIdentifier>;
        read_field_end() -> Result<()>;
        read_bool() -> Result<bool>;
        read_uuid() -> Result<[u8; 16]>;
        read_i8() -> Result<i8>;
        read_i16() -> Result<i16>;
        read_i32() -> Result<i32>;
        read_i64() -> Result<i64>;
        read_double() -> Result<f64>;
        read_list_end() -> Result<()>;
        read_set_end() -> Result<()>;
        read_map_end() -> Result<()>;
        read_byte() -> Result<u8>;
        get_bytes(start: Option<*const u8>, len: usize) -> Result<Bytes>;
        buf() -> &mut Bytes;
    }

    fn read_struct_begin(&mut self) -> Result<Option<TStructIdentifier>> {
        self.depth = self.depth.checked_sub(1).ok_or_else(|| refused(DecodeError::TooDeep))?;
        self.inner.read_struct_begin()
    }

    fn read_struct_end(&mut self) -> Result<()> {
        self.depth += 1;
        self.inner.read_struct_end()
    }

    fn read_bytes(&mut self) -> Result<Bytes> {
        self.text()?;
        self.inner.read_bytes()
    }

    fn read_bytes_vec(&mut self) -> Result<Vec<u8>> {
        self.text()?;
        self.inner.read_bytes_vec()
    }

    fn read_string(&mut self) -> Result<String> {
        self.valid_text()?;
        self.inner.read_string()
    }

    fn read_faststr(&mut self) -> Result<FastStr> {
        self.valid_text()?;
        self.inner.read_faststr()
    }

    fn read_list_begin(&mut self) -> Result<TListIdentifier> {
        self.container::<1>()?;
        self.inner.read_list_begin()
    }

    fn read_set_begin(&mut self) -> Result<TSetIdentifier> {
        self.container::<1>()?;
        self.inner.read_set_begin()
    }

    fn read_map_begin(&mut self) -> Result<TMapIdentifier> {
        self.container::<2>()?;
        self.inner.read_map_begin()
    }

    fn skip_till_depth(&mut self, field_type: TType, depth: i8) -> Result<usize> {
        let value = Type::from_code(field_type as u8).ok_or_else(|| refused(DecodeError::WrongType))?;
        let depth = self.depth.min(u32::from(depth.unsigned_abs()));
        let len = value_len(Protocol::Binary, value, depth, self.rest()).map_err(refused)?;
        drop(self.inner.buf().split_to(len));
        Ok(len)
    }
}

impl TLengthProtocol for Guarded<'_> {
    pass! {
        message_begin_len(identifier: &TMessageIdentifier) -> usize;
        message_end_len() -> usize;
        struct_begin_len(identifier: &TStructIdentifier) -> usize;
        struct_end_len() -> usize;
        field_begin_len(field_type: TType, id: Option<i16>) -> usize;
        field_end_len() -> usize;
        field_stop_len() -> usize;
        bool_len(b: bool) -> usize;
        bytes_len(b: &[u8]) -> usize;
        bytes_vec_len(b: &[u8]) -> usize;
        byte_len(b: u8) -> usize;
        uuid_len(u: [u8; 16]) -> usize;
        i8_len(i: i8) -> usize;
        i16_len(i: i16) -> usize;
        i32_len(i: i32) -> usize;
        i64_len(i: i64) -> usize;
        double_len(d: f64) -> usize;
        string_len(s: &str) -> usize;
        faststr_len(s: &FastStr) -> usize;
        list_begin_len(identifier: TListIdentifier) -> usize;
        list_end_len() -> usize;
        set_begin_len(identifier: TSetIdentifier) -> usize;
        set_end_len() -> usize;
        map_begin_len(identifier: TMapIdentifier) -> usize;
        map_end_len() -> usize;
    }
}
