//! What can happen to a call once it is on its way.

use std::sync::Arc;

use volo_core::{Error, ErrorKind, Origin, Retry};

/// Something that happened to a call; `M` is a received message.
#[derive(Debug)]
pub(crate) enum Event<M> {
    /// The reply; ends a unary call.
    Reply(M),
    /// No reply will come; ends any call.
    Reset(Reset),
}

/// Why no reply will come.
#[derive(Clone, Debug)]
pub(crate) struct Reset {
    /// What happened.
    pub(crate) loss: Loss,
    /// Whether the peer may have seen any of the request.
    pub(crate) sent: bool,
}

/// How a call can be lost.
#[derive(Clone, Debug)]
pub(crate) enum Loss {
    /// Its deadline passed.
    Expired,
    /// Its connection ended; the cause is shared by all its calls.
    Closed(Arc<Error>),
}

impl Reset {
    /// The error a caller sees. A call of which nothing was sent may always be repeated.
    pub(crate) fn into_error(self) -> Error {
        let error = match self.loss {
            Loss::Expired => Error::timeout("the deadline passed before the reply came"),
            Loss::Closed(cause) => {
                // Faults of the peer stay recognisable; to every call but the one at fault it is just a loss.
                let kind = match cause.kind() {
                    kind @ (ErrorKind::Protocol | ErrorKind::Draining | ErrorKind::Connect) => kind,
                    _ => ErrorKind::Closed,
                };
                let retry = Retry::IfIdempotent;
                Error::new(kind, "the connection was lost").with_retry(retry).with_source(cause)
            }
        };
        let error = error.with_origin(Origin::Network);
        if self.sent { error } else { error.with_retry(Retry::Always) }
    }
}
