//! Why received bytes are no message, with all that an answer to them needs.

use std::{borrow::Cow, error::Error as StdError, fmt};

use faststr::FastStr;
use volo_core::{Error, ErrorKind};

use super::Dialect;
use crate::{ApplicationException, ApplicationKind};

/// Received bytes are no valid message, or pass a limit.
///
/// It keeps what was understood before the fault, so that a server can still answer: in the peer's dialect, under
/// the call's name and sequence id.
///
/// One word, so that the results of the many small reads travel in registers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireError(Box<Inner>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Inner {
    kind: ApplicationKind,
    message: Cow<'static, str>,
    dialect: Option<Dialect>,
    name: FastStr,
    sequence_id: i32,
    farewell: &'static [u8],
    needed: Option<usize>,
    damage: bool,
}

impl WireError {
    #[cold]
    pub(super) fn new(kind: ApplicationKind, message: impl Into<Cow<'static, str>>) -> Self {
        WireError(Box::new(Inner {
            kind,
            message: message.into(),
            dialect: None,
            name: FastStr::empty(),
            sequence_id: 0,
            farewell: &[],
            needed: None,
            damage: false,
        }))
    }

    pub(super) fn protocol(message: impl Into<Cow<'static, str>>) -> Self {
        WireError::new(ApplicationKind::PROTOCOL_ERROR, message)
    }

    /// The message is not what its sender wrote.
    pub(super) fn damaged(message: impl Into<Cow<'static, str>>) -> Self {
        let mut error = WireError::protocol(message);
        error.0.damage = true;
        error
    }

    /// The message ends inside `what`, which ends at `needed`.
    #[cold]
    pub(super) fn cut_short(what: &'static str, needed: usize) -> Self {
        let mut error = WireError::protocol(format!("message ends inside its {what}"));
        error.0.needed = Some(needed);
        error
    }

    /// How many bytes are needed to get further, if nothing else is wrong with those at hand.
    pub(super) fn needed(&self) -> Option<usize> {
        self.0.needed
    }

    /// `what` needs `len` bytes, which is more than the limit of this name allows.
    pub(super) fn too_large(what: &'static str, len: usize, limit: &'static str, max: usize) -> Self {
        WireError::protocol(format!("{what} of {len} bytes passes {limit} of {max}"))
    }

    /// Adds the call's name and sequence id.
    pub(super) fn named(mut self, name: FastStr, sequence_id: i32) -> Self {
        (self.0.name, self.0.sequence_id) = (name, sequence_id);
        self
    }

    /// Adds the dialect, and the sequence id unless a better one is known.
    pub(super) fn within(mut self, dialect: Dialect, sequence_id: i32) -> Self {
        self.0.dialect = Some(dialect);
        if self.0.name.is_empty() && self.0.sequence_id == 0 {
            self.0.sequence_id = sequence_id;
        }
        self
    }

    /// Adds what to say to a peer of another protocol.
    pub(super) fn with_farewell(mut self, farewell: &'static [u8]) -> Self {
        self.0.farewell = farewell;
        self
    }

    /// The wire error that made a transport fail, if it was one.
    pub fn of(error: &Error) -> Option<&WireError> {
        error.source().and_then(|source| source.downcast_ref())
    }

    /// The application exception's type that an answer has.
    pub fn kind(&self) -> ApplicationKind {
        self.0.kind
    }

    /// Whether the message was changed on its way. Its length may then be as wrong as the rest, so that nothing behind
    /// it can be relied on.
    pub fn is_damage(&self) -> bool {
        self.0.damage
    }

    /// What to answer; to be written in [`WireError::dialect`].
    pub fn exception(&self) -> ApplicationException {
        ApplicationException::new(self.0.kind, self.0.message.clone().into_owned())
    }

    /// How the peer speaks, if that much was understood.
    pub fn dialect(&self) -> Option<Dialect> {
        self.0.dialect
    }

    /// The call's method name, empty if unknown.
    pub fn name(&self) -> &FastStr {
        &self.0.name
    }

    /// The call's sequence id, 0 if unknown.
    pub fn sequence_id(&self) -> i32 {
        self.0.sequence_id
    }

    /// What to say to a peer that doesn't speak Thrift at all, in its own protocol, before the connection is closed;
    /// empty for others.
    pub fn farewell(&self) -> &'static [u8] {
        self.0.farewell
    }
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl StdError for WireError {}

/// The wire error stays reachable through [`WireError::of`].
impl From<WireError> for Error {
    fn from(error: WireError) -> Self {
        Error::protocol("peer sent no valid message").with_source(error)
    }
}

/// A message of ours that no peer could read, or that passes a limit.
pub(super) fn unwritable(text: impl Into<String>) -> Error {
    Error::new(ErrorKind::Encode, text)
}
