//! What a single call may do differently from its client.

use std::time::Duration;

use volo_core::{Address, Pairs};

/// Settings of a call that override those of its client.
///
/// ```
/// use std::time::Duration;
/// use volo_thrift::CallOpt;
///
/// let options = CallOpt { timeout: Some(Duration::from_millis(200)), ..CallOpt::default() };
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallOpt {
    /// How long the call may take at most; what is left of the caller's own deadline limits it further.
    pub timeout: Option<Duration>,
    /// Where to send it.
    pub address: Option<Address>,
    /// For layers to read, as the extension [`Tags`] of the call's context.
    pub tags: Pairs,
}

/// The tags of a call, see [`CallOpt::tags`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags(pub Pairs);

impl CallOpt {
    /// These settings, and those of `defaults` where there are none.
    pub(super) fn or(mut self, defaults: &CallOpt) -> Self {
        self.timeout = self.timeout.or(defaults.timeout);
        self.address = self.address.or_else(|| defaults.address.clone());
        let own = std::mem::replace(&mut self.tags, defaults.tags.clone());
        own.iter().for_each(|(key, value)| self.tags.set(key.clone(), value.clone()));
        self
    }
}
