//! Why received bytes are no message, with all that an answer to them needs.

use std::{borrow::Cow, error::Error as StdError, fmt};

use faststr::FastStr;
use volo_core::Error;

use super::Dialect;
use crate::{ApplicationException, ApplicationKind};

/// Received bytes are no valid message, or pass a limit.
///
/// It keeps what was understood before the fault, so that a server can still answer: in the peer's dialect, under
/// the call's name and sequence id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireError {
    kind: ApplicationKind,
    message: Cow<'static, str>,
    dialect: Option<Dialect>,
    name: FastStr,
    sequence_id: i32,
    in_step: bool,
    farewell: &'static [u8],
    needed: Option<usize>,
}

impl WireError {
    pub(super) fn new(kind: ApplicationKind, message: impl Into<Cow<'static, str>>) -> Self {
        WireError {
            kind,
            message: message.into(),
            dialect: None,
            name: FastStr::empty(),
            sequence_id: 0,
            in_step: false,
            farewell: &[],
            needed: None,
        }
    }

    pub(super) fn protocol(message: impl Into<Cow<'static, str>>) -> Self {
        WireError::new(ApplicationKind::PROTOCOL_ERROR, message)
    }

    /// The message ends inside `what`, which ends at `needed`.
    pub(super) fn cut_short(what: &'static str, needed: usize) -> Self {
        let error = WireError::protocol(format!("message ends inside its {what}"));
        WireError { needed: Some(needed), ..error }
    }

    /// How many bytes are needed to get further, if nothing else is wrong with those at hand.
    pub(super) fn needed(&self) -> Option<usize> {
        self.needed
    }

    /// `what` needs `len` bytes, which is more than the limit of this name allows.
    pub(super) fn too_large(what: &'static str, len: usize, limit: &'static str, max: usize) -> Self {
        WireError::protocol(format!("{what} of {len} bytes passes {limit} of {max}"))
    }

    /// Adds the call's name and sequence id.
    pub(super) fn named(mut self, name: FastStr, sequence_id: i32) -> Self {
        (self.name, self.sequence_id) = (name, sequence_id);
        self
    }

    /// Adds the dialect, and the sequence id unless a better one is known.
    pub(super) fn within(mut self, dialect: Dialect, sequence_id: i32) -> Self {
        self.dialect = Some(dialect);
        if self.name.is_empty() && self.sequence_id == 0 {
            self.sequence_id = sequence_id;
        }
        self
    }

    /// Adds what to say to a peer of another protocol.
    pub(super) fn with_farewell(mut self, farewell: &'static [u8]) -> Self {
        self.farewell = farewell;
        self
    }

    /// Says that the end of the frame is known nevertheless.
    pub(super) fn in_step(mut self) -> Self {
        self.in_step = true;
        self
    }

    /// The wire error that made a transport fail, if it was one.
    pub fn of(error: &Error) -> Option<&WireError> {
        error.source().and_then(|source| source.downcast_ref())
    }

    /// The application exception's type that an answer has.
    pub fn kind(&self) -> ApplicationKind {
        self.kind
    }

    /// What to answer; to be written in [`WireError::dialect`].
    pub fn exception(&self) -> ApplicationException {
        ApplicationException::new(self.kind, self.message.clone().into_owned())
    }

    /// How the peer speaks, if that much was understood.
    pub fn dialect(&self) -> Option<Dialect> {
        self.dialect
    }

    /// The call's method name, empty if unknown.
    pub fn name(&self) -> &FastStr {
        &self.name
    }

    /// The call's sequence id, 0 if unknown.
    pub fn sequence_id(&self) -> i32 {
        self.sequence_id
    }

    /// Whether the next message can still be found, so that the connection may live on.
    pub fn is_in_step(&self) -> bool {
        self.in_step
    }

    /// What to say to a peer that doesn't speak Thrift at all, in its own protocol, before the connection is closed;
    /// empty for others.
    pub fn farewell(&self) -> &'static [u8] {
        self.farewell
    }
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for WireError {}

/// The wire error stays reachable through [`WireError::of`].
impl From<WireError> for Error {
    fn from(error: WireError) -> Self {
        Error::protocol("peer sent no valid message").with_source(error)
    }
}
