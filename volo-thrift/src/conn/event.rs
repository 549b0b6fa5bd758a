//! What can happen to a call once it is on its way.

use std::sync::Arc;

use volo_core::{Error, ErrorKind, Retry};

/// Something that happened to a call; `M` is a received message. A unary call sees exactly one event.
#[derive(Debug)]
pub(crate) enum Event<M> {
    /// The whole answer.
    Reply(M),
    /// The first message of a stream.
    #[expect(dead_code, reason = "only streams have it")]
    Header(M),
    /// One element of a stream.
    #[expect(dead_code, reason = "only streams have it")]
    Data(M),
    /// The last message of a stream.
    #[expect(dead_code, reason = "only streams have it")]
    Trailer(M),
    /// No answer will come.
    Reset(Reset),
}

/// Why no answer will come.
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
                // A fault of the peer stays one, even for calls that had no part in it.
                let kind = match cause.kind() {
                    kind @ (ErrorKind::Protocol | ErrorKind::Connect | ErrorKind::Config) => kind,
                    _ => ErrorKind::Closed,
                };
                let retry = if kind == ErrorKind::Config { Retry::Never } else { Retry::IfIdempotent };
                let text = match kind {
                    ErrorKind::Connect | ErrorKind::Config => "no connection was made",
                    _ => "the connection was lost before the reply came",
                };
                Error::new(kind, text).with_retry(retry).with_source(cause)
            }
        };
        if self.sent || error.kind() == ErrorKind::Config { error } else { error.with_retry(Retry::Always) }
    }
}

#[cfg(test)]
mod tests {
    use volo_core::Origin;

    use super::*;

    #[test]
    fn what_was_not_sent_may_be_repeated() {
        let cause = Arc::new(Error::protocol("nonsense"));
        for (loss, timeout) in [(Loss::Expired, true), (Loss::Closed(cause), false)] {
            let error = |sent| Reset { loss: loss.clone(), sent }.into_error();
            assert_eq!((error(true).retry(), error(false).retry()), (Retry::IfIdempotent, Retry::Always));
            assert_eq!((error(true).is_timeout(), error(true).is_protocol()), (timeout, !timeout));
            assert_ne!(error(true).origin(), Origin::Local);
        }
    }
}
