//! A list that never changes.

use std::future::pending;

use super::Discover;
use crate::{Result, balance::Instance};

/// Gives the same instances for ever.
#[derive(Clone, Debug)]
pub struct StaticDiscover {
    instances: Option<Vec<Instance>>,
}

impl StaticDiscover {
    /// A list of instances or of their addresses.
    pub fn new<I: Into<Instance>>(instances: impl IntoIterator<Item = I>) -> Self {
        StaticDiscover { instances: Some(instances.into_iter().map(Into::into).collect()) }
    }
}

impl Discover for StaticDiscover {
    async fn next(&mut self) -> Result<Vec<Instance>> {
        match self.instances.take() {
            Some(instances) => Ok(instances),
            None => pending().await,
        }
    }
}
