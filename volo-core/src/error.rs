//! The one error of the framework: what went wrong, whose fault it was, and whether to try again.

use std::{error::Error as StdError, fmt, io, sync::Arc};

use crate::Peer;

/// Any error of a layer, before the builder turns it into an [`Error`].
pub type BoxError = Box<dyn StdError + Send + Sync + 'static>;

/// A result of the framework.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call failed before, or instead of, an answer from the peer.
///
/// Opaque: ask it with the `is_*` predicates, [`Error::origin`] and [`Error::retry`]. The text names this level
/// only; causes follow through [`std::error::Error::source`].
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    origin: Origin,
    retry: Retry,
    message: String,
    source: Option<BoxError>,
    peer: Option<Arc<Peer>>,
}

/// The class of an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The deadline passed.
    Timeout,
    /// No connection could be made.
    Connect,
    /// The connection ended while the call was under way.
    Closed,
    /// A queue, pool or limit was full.
    Overloaded,
    /// A circuit breaker refused the call.
    CircuitOpen,
    /// A rule refused the call.
    Rejected,
    /// The peer sent something that breaks the protocol or a limit.
    Protocol,
    /// This process tried to send something that breaks the protocol or a limit.
    Encode,
    /// The call was given up by its caller.
    Cancelled,
    /// The server is shutting down.
    Draining,
    /// A setting makes no sense.
    Config,
    /// Anything else that went wrong inside this process.
    Internal,
}

/// Who is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// This process.
    Local,
    /// The peer.
    Peer,
    /// What lies between.
    Network,
}

/// When the call may be sent again without risk of running it twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Retry {
    /// Never: it may have been executed, or would fail again.
    Never,
    /// Only a call that is idempotent.
    IfIdempotent,
    /// Always: it was not executed.
    Always,
}

impl Error {
    /// An error of this class with a message for people; origin and retry class follow from the class.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let (origin, retry) = match kind {
            ErrorKind::Timeout | ErrorKind::Closed => (Origin::Network, Retry::IfIdempotent),
            ErrorKind::Connect => (Origin::Network, Retry::Always),
            ErrorKind::Overloaded | ErrorKind::Draining => (Origin::Local, Retry::Always),
            ErrorKind::Protocol => (Origin::Peer, Retry::Never),
            _ => (Origin::Local, Retry::Never),
        };
        Error(Box::new(Inner { kind, origin, retry, message: message.into(), source: None, peer: None }))
    }

    /// The deadline passed; `what` names the wait.
    pub fn timeout(what: impl Into<String>) -> Self {
        Error::new(ErrorKind::Timeout, what)
    }

    /// The peer broke the protocol or a limit.
    pub fn protocol(message: impl Into<String>) -> Self {
        Error::new(ErrorKind::Protocol, message)
    }

    /// Something went wrong in this process.
    pub fn internal(message: impl Into<String>) -> Self {
        Error::new(ErrorKind::Internal, message)
    }

    /// Adds the cause.
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Says whom the call had been sent to.
    pub fn with_peer(mut self, peer: Arc<Peer>) -> Self {
        self.0.peer = Some(peer);
        self
    }

    /// Whom a balancer had sent the call to that failed.
    pub fn peer(&self) -> Option<&Arc<Peer>> {
        self.0.peer.as_ref()
    }

    /// Overrides who is at fault.
    pub fn with_origin(mut self, origin: Origin) -> Self {
        self.0.origin = origin;
        self
    }

    /// Overrides when the call may be sent again.
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.0.retry = retry;
        self
    }

    /// Turns any layer's error into one of ours: ours stay what they are, tower's known ones get their class.
    pub fn from_boxed(error: BoxError) -> Self {
        match error.downcast::<Error>() {
            Ok(error) => *error,
            Err(error) => classify(error),
        }
    }

    /// The class.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Who is at fault.
    pub fn origin(&self) -> Origin {
        self.0.origin
    }

    /// When the call may be sent again.
    pub fn retry(&self) -> Retry {
        self.0.retry
    }

    /// Whether a deadline passed.
    pub fn is_timeout(&self) -> bool {
        self.kind() == ErrorKind::Timeout
    }

    /// Whether no connection could be made.
    pub fn is_connect(&self) -> bool {
        self.kind() == ErrorKind::Connect
    }

    /// Whether the connection ended during the call.
    pub fn is_closed(&self) -> bool {
        self.kind() == ErrorKind::Closed
    }

    /// Whether a queue, pool or limit was full.
    pub fn is_overloaded(&self) -> bool {
        self.kind() == ErrorKind::Overloaded
    }

    /// Whether a circuit breaker refused the call.
    pub fn is_circuit_open(&self) -> bool {
        self.kind() == ErrorKind::CircuitOpen
    }

    /// Whether a rule refused the call.
    pub fn is_rejected(&self) -> bool {
        self.kind() == ErrorKind::Rejected
    }

    /// Whether the peer broke the protocol or a limit.
    pub fn is_protocol(&self) -> bool {
        self.kind() == ErrorKind::Protocol
    }

    /// Whether the server is shutting down.
    pub fn is_draining(&self) -> bool {
        self.kind() == ErrorKind::Draining
    }
}

fn classify(error: BoxError) -> Error {
    if error.is::<tower::timeout::error::Elapsed>() {
        return Error::timeout("a timeout layer gave the call up").with_origin(Origin::Local);
    }
    if error.is::<tower::load_shed::error::Overloaded>() {
        return Error::new(ErrorKind::Overloaded, "a load-shed layer refused the call");
    }
    Error::internal("a layer failed").with_source(error)
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { kind, origin, retry, message, source, .. } = &*self.0;
        let mut out = f.debug_struct("Error");
        out.field("kind", kind).field("origin", origin).field("retry", retry).field("message", message);
        if let Some(source) = source {
            out.field("source", source);
        }
        out.finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        let kind = match error.kind() {
            io::ErrorKind::TimedOut => ErrorKind::Timeout,
            io::ErrorKind::ConnectionRefused => ErrorKind::Connect,
            io::ErrorKind::InvalidData => ErrorKind::Protocol,
            _ => ErrorKind::Closed,
        };
        Error::new(kind, "connection failed").with_source(error)
    }
}
