//! Where the instances of a service are: sources of lists, and the task that feeds a balancer from one.
//!
//! A [`Discover`] gives whole lists, not changes: the balancer finds out itself what is new, and a list that got lost
//! does no harm. While a source is down, the last list stays in use.
#![forbid(unsafe_code)]

mod dns;
mod feed;
pub(crate) mod file;
mod fixed;
#[cfg(feature = "dns")]
mod records;
mod registry;

use std::future::Future;

#[cfg(feature = "dns")]
pub use self::records::RecordDiscover;
pub use self::{
    dns::DnsDiscover,
    feed::Feed,
    file::FileDiscover,
    fixed::StaticDiscover,
    registry::{Registration, Registry, announce},
};
use crate::{Result, balance::Instance};

/// A source of the instances of one service.
pub trait Discover: Send + 'static {
    /// The list, the first time; later, the list once it may have changed. Called again after an error, so a source
    /// that lost its connection tries to connect again; the caller sees to pauses in between.
    ///
    /// Dropping the future must lose no change: the next call gives a list that has it.
    ///
    /// # Errors
    /// When the source can't be asked. An empty list is none: it says that there are no instances.
    fn next(&mut self) -> impl Future<Output = Result<Vec<Instance>>> + Send;
}
