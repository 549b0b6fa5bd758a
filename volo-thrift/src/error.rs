//! How a call fails, as a handler says it and as a client sees it.
//!
//! Both are generic over the exceptions the method declares, so those stay typed from end to end; [`Never`] stands
//! for none.

use std::{error::Error as StdError, fmt};

use volo_core::{BoxError, Error, Retry};

use crate::exception::{ApplicationException, ApplicationKind, BizError};

/// The exceptions of a method that declares none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Never {}

impl fmt::Display for Never {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}

impl StdError for Never {}

/// Why a handler gives no result.
///
/// In a method without `throws`, `?` turns any error into one; in a method with them, `?` takes its declared
/// exceptions, and [`ServerError::internal`] everything else.
#[derive(Debug)]
pub enum ServerError<E = Never> {
    /// An exception that the method declares.
    Exception(E),
    /// A business status.
    Biz(BizError),
    /// The call could not be served.
    Application(ApplicationException),
}

impl<E> ServerError<E> {
    /// The handler failed; the peer sees an internal error with the text of `error` and of its causes.
    pub fn internal(error: impl Into<BoxError>) -> Self {
        let error = error.into();
        let error = match error.downcast::<ApplicationException>() {
            Ok(exception) => return ServerError::Application(*exception),
            Err(error) => error,
        };
        match error.downcast::<BizError>() {
            Ok(biz) => ServerError::Biz(*biz),
            Err(error) => ServerError::Application(ApplicationException::new(
                ApplicationKind::INTERNAL_ERROR,
                with_causes(&*error),
            )),
        }
    }
}

fn with_causes(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

impl<X: StdError + Send + Sync + 'static> From<X> for ServerError<Never> {
    fn from(error: X) -> Self {
        ServerError::internal(error)
    }
}

/// Why a client's call gave no result.
#[derive(Debug)]
pub enum ClientError<E = Never> {
    /// An exception that the method declares.
    Exception(E),
    /// A business status.
    Biz(BizError),
    /// The server could not serve the call, or its handler failed.
    Application(ApplicationException),
    /// The call failed on the way: timeout, connection, limit, layer.
    Rpc(Error),
}

impl<E> ClientError<E> {
    /// Whether the deadline passed.
    pub fn is_timeout(&self) -> bool {
        matches!(self, ClientError::Rpc(error) if error.is_timeout())
    }

    /// When the call may be sent again without risk of running it twice.
    pub fn retry(&self) -> Retry {
        match self {
            ClientError::Application(exception) if exception.is_not_executed() => Retry::Always,
            ClientError::Rpc(error) => error.retry(),
            _ => Retry::Never,
        }
    }

    /// Whether the call failed on the way, and why.
    pub fn as_rpc(&self) -> Option<&Error> {
        match self {
            ClientError::Rpc(error) => Some(error),
            _ => None,
        }
    }
}

impl<E> From<Error> for ClientError<E> {
    fn from(error: Error) -> Self {
        ClientError::Rpc(error)
    }
}

impl<E: fmt::Display> fmt::Display for ClientError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClientError::Exception(exception) => write!(f, "declared exception: {exception}"),
            ClientError::Biz(biz) => biz.fmt(f),
            ClientError::Application(exception) => exception.fmt(f),
            ClientError::Rpc(error) => write!(f, "call failed: {error}"),
        }
    }
}

impl<E: StdError + 'static> StdError for ClientError<E> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            ClientError::Exception(exception) => Some(exception),
            ClientError::Biz(_) | ClientError::Application(_) => None,
            ClientError::Rpc(error) => Some(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handler() -> Result<(), ServerError> {
        std::fs::read("/nowhere/at/all")?;
        Ok(())
    }

    #[test]
    fn a_question_mark_keeps_what_is_known() {
        assert!(matches!(handler(), Err(ServerError::Application(e)) if e.kind().0 == 6));
        let biz = || -> Result<(), ServerError> { Err(BizError::new(7, "no"))? };
        assert!(matches!(biz(), Err(ServerError::Biz(biz)) if biz.status_code == 7));
    }
}
