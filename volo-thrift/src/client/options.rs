//! What a single call may do differently from its client.

use std::time::Duration;

use volo_core::{Address, Pairs, layers::retry::RetryConfig};

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
    /// How long an attempt at the call may take, as [`Timeouts::attempt`].
    pub timeout: Option<Duration>,
    /// How long the call may take with all attempts, as [`Timeouts::total`].
    pub total_timeout: Option<Duration>,
    /// Where to send it, whatever discovery and balancing say.
    pub address: Option<Address>,
    /// When to send it again.
    pub retry: Option<RetryConfig>,
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
        self.total_timeout = self.total_timeout.or(defaults.total_timeout);
        self.retry = self.retry.or_else(|| defaults.retry.clone());
        self.address = self.address.or_else(|| defaults.address.clone());
        let own = std::mem::replace(&mut self.tags, defaults.tags.clone());
        own.iter().for_each(|(key, value)| self.tags.set(key.clone(), value.clone()));
        self
    }
}

/// How long calls may take. What is left of the caller's own deadline limits them further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// An attempt, 1 s by default; the callee is told. `None` leaves it to the total.
    pub attempt: Option<Duration>,
    /// The call with all its attempts and waits; `None` is twice as long as an attempt.
    pub total: Option<Duration>,
}

impl Default for Timeouts {
    fn default() -> Self {
        Timeouts { attempt: Some(Duration::from_secs(1)), total: None }
    }
}

impl Timeouts {
    /// These, with what a call overrides.
    pub(super) fn with(mut self, options: &CallOpt) -> Self {
        self.attempt = options.timeout.or(self.attempt);
        // A total that was made for other attempts does not bound longer ones.
        let total = self.total.filter(|total| options.timeout.is_none_or(|attempt| attempt <= *total));
        self.total = options.total_timeout.or(total);
        self
    }

    /// The total, worked out.
    pub(super) fn whole(&self) -> Option<Duration> {
        self.total.or_else(|| self.attempt.map(|attempt| attempt.saturating_mul(2)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Option<Duration> {
        Some(Duration::from_millis(millis))
    }

    #[test]
    fn a_call_overrides_what_it_names() {
        let both = Timeouts { attempt: ms(100), total: ms(300) };
        let of = |timeout, total_timeout| CallOpt { timeout, total_timeout, ..CallOpt::default() };
        assert_eq!(both.with(&of(None, None)), both);
        assert_eq!(both.with(&of(ms(50), None)), Timeouts { attempt: ms(50), total: ms(300) });
        assert_eq!(both.with(&of(ms(400), None)).whole(), ms(800));
        assert_eq!(both.with(&of(None, ms(150))), Timeouts { attempt: ms(100), total: ms(150) });
        assert_eq!(Timeouts::default().whole(), ms(2000));
        assert_eq!(Timeouts { attempt: None, total: None }.whole(), None);
        assert_eq!(Timeouts { attempt: Some(Duration::MAX), total: None }.whole(), Some(Duration::MAX));
    }
}
