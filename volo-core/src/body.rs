//! The payload of a call in any of its four directions.
//!
//! One type serves requests and replies on both sides, typed or still encoded, so that a layer can
//! retry, hedge or forward a message without knowing what it is.

use std::{any::Any, fmt, sync::Arc};

use bytes::Bytes;

use crate::{
    Result,
    span::{Size, Span},
};

/// An encoding, as an opaque number that only the protocol layer above gives a meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Format(pub u8);

/// A message that knows its exact encoded size and can write itself.
///
/// Both methods take the same `format`; [`Size`] must match what [`Encode::encode_into`]
/// writes to the byte, otherwise the transport rolls the span back and the call fails.
pub trait Encode: Any + Send + Sync {
    /// Bytes that [`Encode::encode_into`] will write, in line and linked.
    ///
    /// Bodies of at least `link_min` bytes are linked instead of copied (see [`Span`]). Values of types that can hold
    /// themselves may be nested `depth_max` deep.
    ///
    /// # Errors
    /// When the message can't be written in this format, e.g. a length beyond what it can hold, or is nested deeper.
    fn encoded_size(&self, format: Format, link_min: usize, depth_max: u32) -> Result<Size>;

    /// Writes the message into `span`. Running out of room is remembered by the span itself.
    fn encode_into(&self, format: Format, span: &mut Span<'_>);

    /// The concrete message, for middleware that knows its type.
    fn as_any(&self) -> &dyn Any;

    /// The concrete message behind its counter, so that it can be taken out without a copy.
    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
}

/// A message that can be read from its encoded form; the counterpart of [`Encode`].
pub trait Decode: Sized + Send + Sync + 'static {
    /// Decodes the whole of `raw`.
    ///
    /// # Errors
    /// When the bytes aren't a valid message of this type or pass a limit.
    fn decode_from(raw: &Raw) -> Result<Self>;
}

/// An encoded message, as it came from a peer.
#[derive(Clone, Debug)]
pub struct Raw {
    /// How `bytes` are encoded.
    pub format: Format,
    /// The args or result struct, without any message header.
    pub bytes: Bytes,
    /// What decoding it may cost at most; set by the connection it came from.
    pub limits: DecodeLimits,
}

/// What decoding one message may cost at most, whatever its bytes claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeLimits {
    /// Structs and containers inside each other.
    pub depth_max: u32,
    /// Bytes of memory for containers and boxes: each container charges count × element size.
    pub memory_max: usize,
}

/// A payload: a message yet to be encoded, or bytes yet to be decoded.
#[derive(Clone)]
pub enum Body {
    /// A message of this process, encoded as late as possible, straight into the transport's span.
    Typed(Arc<dyn Encode>),
    /// An encoded message, as it came from a peer.
    Raw(Raw),
}

impl Body {
    /// No bytes at all, not even a struct.
    pub(crate) const NOTHING: Body = Body::Raw(Raw {
        format: Format(0),
        bytes: Bytes::new(),
        limits: DecodeLimits { depth_max: 0, memory_max: 0 },
    });
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Body::Typed(_) => f.write_str("Typed"),
            Body::Raw(raw) => write!(f, "Raw({} bytes, format {})", raw.bytes.len(), raw.format.0),
        }
    }
}
