//! What can go wrong inside the shop, once for all methods.
//!
//! Every throwing method of the IDL declares the same two exceptions, so one conversion lets handlers use `?` on
//! anything below them.

use volo_core::BoxError;
use volo_thrift::ServerError;

use crate::tmf::common::{ApiError, NotFound};

/// A caller's mistake, or a failure of ours.
#[derive(Debug)]
pub enum Fault {
    /// No resource has the id.
    NotFound(Box<NotFound>),
    /// The request can't be served; its status says why.
    Refused(Box<ApiError>),
    /// The storage or a call to another service failed.
    Internal(BoxError),
}

impl Fault {
    /// No `resource` has the id.
    pub fn not_found(resource: &'static str, id: &str) -> Self {
        Fault::NotFound(Box::new(NotFound {
            resource: resource.into(),
            id: id.to_owned().into(),
            message: Some(format!("no {resource} has the id {id}").into()),
        }))
    }

    /// A refusal with the status HTTP would have: 400, 409 or 422.
    pub fn refused(status: i32, message: impl Into<String>) -> Self {
        let reason = match status {
            400 => "bad request",
            409 => "conflict",
            _ => "unprocessable",
        };
        Fault::Refused(Box::new(ApiError {
            code: status.to_string().into(),
            reason: reason.into(),
            message: Some(message.into().into()),
            status: Some(status),
            ..Default::default()
        }))
    }

    /// A failure of ours.
    pub fn internal(error: impl Into<BoxError>) -> Self {
        Fault::Internal(error.into())
    }
}

impl<E: From<NotFound> + From<ApiError>> From<Fault> for ServerError<E> {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::NotFound(exception) => ServerError::Exception((*exception).into()),
            Fault::Refused(exception) => ServerError::Exception((*exception).into()),
            Fault::Internal(error) => ServerError::internal(error),
        }
    }
}

/// For the programs, which only print what went wrong.
impl From<Fault> for BoxError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::NotFound(exception) => exception,
            Fault::Refused(exception) => exception,
            Fault::Internal(error) => error,
        }
    }
}

macro_rules! internal_errors {
    ($($error:ty),* $(,)?) => {$(
        impl From<$error> for Fault {
            fn from(error: $error) -> Self {
                Fault::internal(error)
            }
        }
    )*};
}

internal_errors!(
    redb::CommitError,
    redb::DatabaseError,
    redb::StorageError,
    redb::TableError,
    redb::TransactionError,
    std::io::Error,
    tokio::task::JoinError,
    volo_core::Error,
);
