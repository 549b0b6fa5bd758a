//! Thrift over `volo-core`: protocols, framings, client and server.
#![warn(missing_docs)]

mod budget;
pub mod client;
mod conn;
mod erased;
mod error;
mod exception;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
#[cfg(feature = "generic")]
pub mod generic;
pub mod handler;
pub mod health;
mod limits;
pub mod meta;
mod method;
#[cfg(feature = "pilota")]
pub mod pilota;
pub mod protocol;
mod resources;
#[doc(hidden)]
pub mod rt;
mod same_host;
#[cfg(feature = "serde")]
mod serialize;
pub mod server;
mod sync;
pub mod wire;

pub use bytes::Bytes;
pub use client::{CallOpt, Client, ClientBuilder};
pub use error::{ClientError, Never, ServerError};
pub use exception::{ApplicationException, ApplicationKind, BizError};
pub use faststr::FastStr;
pub use limits::Limits;
pub use method::{HandlerFuture, Method, Service};
pub use same_host::SameHost;
pub use server::Server;
