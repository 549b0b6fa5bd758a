//! What a peer reports instead of a result: an application exception or a business status.

use std::{collections::BTreeMap, error::Error as StdError, fmt};

use faststr::FastStr;
use volo_core::{Error, ErrorKind, Origin, Retry};

use crate::protocol::{DecodeError, Reader, Sizer, Type, Value, Writer};

/// `TApplicationException`: the call could not be served, or its handler failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApplicationException {
    kind: ApplicationKind,
    message: FastStr,
    not_executed: bool,
}

/// The type number of an [`ApplicationException`]; numbers beyond Apache's 10 are Kitex's, those from
/// 120 are ours, others are kept as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ApplicationKind(pub i32);

impl ApplicationKind {
    /// No reason given.
    pub const UNKNOWN: Self = Self(0);
    /// The service has no such method.
    pub const UNKNOWN_METHOD: Self = Self(1);
    /// The message is neither a call nor a oneway call, or not a reply.
    pub const INVALID_MESSAGE_TYPE: Self = Self(2);
    /// The reply names another method.
    pub const WRONG_METHOD_NAME: Self = Self(3);
    /// The reply has another sequence id.
    pub const BAD_SEQUENCE_ID: Self = Self(4);
    /// The reply has neither a result nor an exception.
    pub const MISSING_RESULT: Self = Self(5);
    /// The handler failed.
    pub const INTERNAL_ERROR: Self = Self(6);
    /// The message breaks the protocol or a limit.
    pub const PROTOCOL_ERROR: Self = Self(7);
    /// An unknown transform.
    pub const INVALID_TRANSFORM: Self = Self(8);
    /// An unknown protocol.
    pub const INVALID_PROTOCOL: Self = Self(9);
    /// The client's kind is not supported.
    pub const UNSUPPORTED_CLIENT_TYPE: Self = Self(10);
    /// No service has the name the call gave.
    pub const UNKNOWN_SERVICE: Self = Self(20);
    /// The call gave no service name and the server needs one.
    pub const NO_SERVICE_NAME: Self = Self(21);
    /// Ours: the deadline passed in the server, or a layer there gave the call up.
    pub const TIMEOUT: Self = Self(120);
    /// Ours: the server had no room for the call and did not execute it.
    pub const OVERLOADED: Self = Self(121);
    /// Ours: the server shuts down and did not execute the call.
    pub const DRAINING: Self = Self(122);
    /// Ours: a rule of the server refused the call.
    pub const REJECTED: Self = Self(123);
}

impl Default for ApplicationKind {
    fn default() -> Self {
        ApplicationKind::UNKNOWN
    }
}

impl ApplicationException {
    /// An exception with this type and message.
    pub fn new(kind: ApplicationKind, message: impl Into<FastStr>) -> Self {
        ApplicationException { kind, message: message.into(), not_executed: false }
    }

    /// Marks the call as not executed: whoever gets this may safely send it again.
    pub fn not_executed(mut self) -> Self {
        self.not_executed = true;
        self
    }

    /// The type.
    pub fn kind(&self) -> ApplicationKind {
        self.kind
    }

    /// The message.
    pub fn message(&self) -> &FastStr {
        &self.message
    }

    /// Whether the peer vouches that the call was not executed.
    pub fn is_not_executed(&self) -> bool {
        self.not_executed
    }
}

impl fmt::Display for ApplicationException {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "application exception {}: {}", self.kind.0, self.message)
    }
}

impl StdError for ApplicationException {}

/// `1: string message, 2: i32 type`, as in every Thrift library. The not-executed mark travels in a header.
impl Value for ApplicationException {
    const TYPE: Type = Type::Struct;
    const MIN: [usize; 2] = [1, 1];

    fn size<S: Sizer>(&self, sizer: &mut S) -> usize {
        let state = &mut { S::START };
        1 + sizer.field(state, 1, &self.message) + sizer.field(state, 2, &self.kind.0)
    }

    fn encode<W: Writer>(&self, writer: W) -> W {
        let state = &mut { W::START };
        writer.field(state, 1, &self.message).field(state, 2, &self.kind.0).stop()
    }

    fn decode<R: Reader>(&mut self, reader: &mut R) -> Result<(), DecodeError> {
        reader.fields("TApplicationException", |reader, field| match field.id() {
            1 => reader.field(field, "message", &mut self.message),
            2 => reader.field(field, "type", &mut self.kind.0),
            _ => reader.skip(field),
        })
    }

    fn detach(&mut self) {
        self.message.detach();
    }
}

/// What a server tells its peer about a failure of ours.
impl From<&Error> for ApplicationException {
    fn from(error: &Error) -> Self {
        let untouched = error.retry() == Retry::Always;
        let kind = match error.kind() {
            ErrorKind::Protocol => ApplicationKind::PROTOCOL_ERROR,
            ErrorKind::Timeout => ApplicationKind::TIMEOUT,
            ErrorKind::Rejected => ApplicationKind::REJECTED,
            ErrorKind::Overloaded if untouched => ApplicationKind::OVERLOADED,
            ErrorKind::Draining if untouched => ApplicationKind::DRAINING,
            _ => ApplicationKind::INTERNAL_ERROR,
        };
        let exception = ApplicationException::new(kind, error.to_string());
        if untouched { exception.not_executed() } else { exception }
    }
}

impl ApplicationException {
    /// The error that a client makes of what a server of ours says in its own name: neither the handler failed nor the
    /// call was wrong.
    pub(crate) fn into_refusal(self) -> Result<Error, ApplicationException> {
        let kind = match self.kind {
            ApplicationKind::TIMEOUT => ErrorKind::Timeout,
            ApplicationKind::OVERLOADED => ErrorKind::Overloaded,
            ApplicationKind::DRAINING => ErrorKind::Draining,
            ApplicationKind::REJECTED => ErrorKind::Rejected,
            _ => return Err(self),
        };
        let error =
            Error::new(kind, format!("the server answered: {}", self.message)).with_origin(Origin::Peer);
        let error = if self.not_executed { error.with_retry(Retry::Always) } else { error };
        Ok(error.with_source(self))
    }
}

/// A business status: the call was served, its answer is a code and a message instead of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BizError {
    /// The code; never 0, which means success.
    pub status_code: i32,
    /// The message.
    pub status_message: FastStr,
    /// Further details.
    pub extra: BTreeMap<FastStr, FastStr>,
}

impl BizError {
    /// A business status without details.
    pub fn new(status_code: i32, status_message: impl Into<FastStr>) -> Self {
        BizError { status_code, status_message: status_message.into(), extra: BTreeMap::new() }
    }

    /// A business status with details.
    pub fn with_extra(
        status_code: i32,
        status_message: impl Into<FastStr>,
        extra: impl IntoIterator<Item = (FastStr, FastStr)>,
    ) -> Self {
        BizError { extra: extra.into_iter().collect(), ..BizError::new(status_code, status_message) }
    }
}

impl fmt::Display for BizError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "business status {}: {}", self.status_code, self.status_message)
    }
}

impl StdError for BizError {}
