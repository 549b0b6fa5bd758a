//! Rules of admission that come with the framework: how many calls per second, how long calls may have waited.
//!
//! Both refuse what was not executed, so that callers may send it again, elsewhere. Clones are handles to the same
//! rule, to change it while the server runs.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;
use volo_core::{
    Error, ErrorKind,
    layers::{
        PerMethod, Route, Setting,
        limit::{Codel, CodelConfig, RateConfig, TokenBucket},
    },
};

use super::{Admission, Arrival};

/// Refuses calls beyond a rate: one for all calls together, and one for each method that is named, of its own.
///
/// ```
/// use volo_core::layers::limit::RateConfig;
/// use volo_thrift::server::RateRule;
///
/// let rule = RateRule::new(RateConfig::per_second(10_000));
/// let server = volo_thrift::Server::new().admission(rule.clone());
/// rule.configure(RateConfig::per_second(5_000)); // any time later
/// ```
#[derive(Clone, Debug)]
pub struct RateRule {
    buckets: Setting<PerMethod<TokenBucket>>,
}

impl RateRule {
    /// Takes calls at these rates. One for a service without a method is for all its methods that have none.
    pub fn new(rates: impl Into<PerMethod<RateConfig>>) -> Self {
        RateRule { buckets: Setting::new(buckets(rates.into())) }
    }

    /// Replaces the rates.
    pub fn configure(&self, rates: impl Into<PerMethod<RateConfig>>) {
        self.buckets.set(buckets(rates.into()));
    }
}

fn buckets(rates: PerMethod<RateConfig>) -> PerMethod<TokenBucket> {
    let now = Instant::now().into_std();
    rates.map(|rate| TokenBucket::new(rate, now))
}

impl Admission for RateRule {
    fn admit(&self, arrival: &Arrival<'_>) -> Result<(), Error> {
        let Arrival { context, now, .. } = *arrival;
        let route = Route { service: &context.service, method: &context.method };
        let taken = self.buckets.with(|buckets| buckets.get(route).take(now));
        taken.map_err(|wait| beyond(route, wait))
    }

    fn name(&self) -> &'static str {
        "rate"
    }
}

#[cold]
fn beyond(route: Route<'_>, wait: Duration) -> Error {
    let Route { service, method } = route;
    let text = match wait {
        Duration::MAX => format!("no calls of {service}.{method} are taken"),
        wait => format!("the rate for {service}.{method} is reached, the next call is taken in {wait:.1?}"),
    };
    Error::new(ErrorKind::Overloaded, text)
}

/// Refuses calls that have waited for long, while all calls have to wait: see [`Codel`].
#[derive(Clone, Debug)]
pub struct QueueRule {
    codel: Arc<Mutex<Codel>>,
}

impl QueueRule {
    /// Takes calls as long as they wait no longer than this.
    pub fn new(config: CodelConfig) -> Self {
        QueueRule { codel: Arc::new(Mutex::new(Codel::new(config))) }
    }

    /// Changes what is too long.
    pub fn configure(&self, config: CodelConfig) {
        self.codel.lock().unwrap_or_else(PoisonError::into_inner).configure(config);
    }
}

impl Admission for QueueRule {
    fn admit(&self, arrival: &Arrival<'_>) -> Result<(), Error> {
        let Arrival { context, arrived, now, .. } = *arrival;
        let waited = now.saturating_duration_since(arrived);
        if self.codel.lock().unwrap_or_else(PoisonError::into_inner).admit(waited, now) {
            return Ok(());
        }
        let text = format!("call of {} waited for {waited:.1?}, and all have to wait", context.method);
        Err(Error::new(ErrorKind::Overloaded, text))
    }

    fn name(&self) -> &'static str {
        "queue"
    }
}

#[cfg(test)]
mod tests {
    use volo_core::{Context, Retry};

    use super::*;

    fn ask(rule: &impl Admission, method: &'static str, waited_ms: u64, at_ms: u64) -> Result<(), Error> {
        let context = Context::new("Shop", method);
        let arrived = Instant::now().into_std() + Duration::from_millis(at_ms);
        let now = arrived + Duration::from_millis(waited_ms);
        rule.admit(&Arrival { context: &context, arrived, now })
    }

    #[tokio::test(start_paused = true)]
    async fn each_method_has_its_rate_or_a_part_of_the_common_one() {
        let rate = |burst| RateConfig { per_second: Some(1), burst };
        let rule = RateRule::new(PerMethod::new(rate(2)).with("Shop", "buy", rate(1)));
        assert!(ask(&rule, "list", 0, 0).is_ok() && ask(&rule, "find", 0, 0).is_ok());
        let error = ask(&rule, "list", 0, 0).unwrap_err();
        assert!(error.is_overloaded() && error.retry() == Retry::Always);
        assert_eq!(error.to_string(), "the rate for Shop.list is reached, the next call is taken in 1.0s");
        assert!(ask(&rule, "buy", 0, 0).is_ok() && ask(&rule, "buy", 0, 0).is_err());
        assert!(ask(&rule, "list", 0, 1000).is_ok());
        rule.clone().configure(RateConfig::default());
        assert!((0..100).all(|_| ask(&rule, "list", 0, 0).is_ok()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_standing_queue_is_shortened() {
        let rule = QueueRule::new(CodelConfig::default());
        let refused =
            |from: u64| (from..from + 300).filter(|at| ask(&rule, "list", 40, *at).is_err()).count();
        assert!((150..=200).contains(&refused(0)));
        rule.configure(CodelConfig { target: Duration::from_millis(50), ..CodelConfig::default() });
        assert_eq!(refused(400), 0);
    }
}
