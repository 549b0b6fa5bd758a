//! Governance as [`tower`] layers, for what tower has no equivalent of in a hot path.
//!
//! Each concern is a pure state machine that is told the time, a layer, and a service with a named future. All of them
//! fit into any tower stack: what they have to know of a request or a result they ask a [`Describe`] and a
//! [`Classify`], of which [`Rpc`] knows our own types and [`Plain`] takes any `Ok` for a success. What they refuse
//! themselves is an [`Error`](crate::Error), so the stack's error must be made from one; `BoxError` is.
//!
//! | layer | what it does |
//! |---|---|
//! | [`timeout`] | ends an attempt at its deadline |
//! | [`retry`] | sends a call again when it failed, or takes too long |
//! | [`breaker`] | refuses calls to what fails most of the time |
//! | [`fallback`] | answers in place of a call that failed |
//! | [`reject`] | refuses calls by rule |
//! | [`limit`] | refuses calls beyond a rate |
//! | [`fault`] | delays and fails calls, for tests |
//! | [`logging`] | one event per call |
//! | [`trace`] | follows calls: spans, statistics, what users want to know |

pub mod breaker;
mod classify;
pub(crate) mod dice;
pub mod fallback;
pub mod fault;
pub mod limit;
pub mod logging;
pub mod reject;
pub mod retry;
mod setting;
mod table;
pub mod timeout;
pub mod trace;

pub use classify::{Classify, Describe, Plain, Route, Rpc, Verdict};
pub use setting::{PerMethod, Reader, Setting};
