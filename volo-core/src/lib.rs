//! Middleware, transports and governance of the framework: opaque frames in, opaque frames out.
//!
//! Nothing here knows Thrift. A message is an [`Encode`] that can tell its exact [`Size`] and fill a
//! [`Span`] of that size; a transport is a [`net::Link`] that lends the span and yields whole frames.
//! Everything between the two is [`tower::Service<Request, Response = Response>`].
#![warn(missing_docs)]

mod address;
mod attempt;
pub mod balance;
mod body;
pub mod clock;
#[cfg(feature = "config")]
pub mod config;
mod context;
pub mod discover;
mod error;
pub mod layers;
pub mod net;
pub mod observe;
pub mod pool;
mod request;
pub mod runtime;
pub mod shutdown;
pub mod span;
mod stages;
mod sync;

pub use address::{Address, ParseAddressError};
pub use attempt::{Attempt, Tried};
pub use body::{Body, Decode, DecodeLimits, Encode, Format, Raw};
pub use context::{
    Call, CallInfo, Certificate, Context, Credentials, Extensions, Metainfo, Pairs, Peer, Scope, Target,
};
pub use error::{BoxError, Error, ErrorKind, Origin, Result, Retry};
pub use request::{Outcome, Request, Response};
pub use span::{Size, Span};
pub use stages::{Stage, Stages};
