//! What a document makes of the settings a program has: keys that are there replace, all others stay.

use std::collections::BTreeSet;

use faststr::FastStr;

use super::{
    document::{
        BackupKeys, BalanceKeys, BreakerKeys, BreakerOverride, ClientSection, EjectionKeys, FaultKeys,
        LogKeys, PolicyName, PoolKeys, QueueKeys, RateKeys, RejectKeys, RetryKeys, ServerSection,
    },
    value::{Maybe, Name, Percent, Whole},
};
use crate::{
    balance::{Ejection, HashKey, LoadBalance},
    layers::{
        PerMethod, Route,
        breaker::BreakerConfig,
        fault::{Abort, FaultConfig},
        limit::{CodelConfig, RateConfig},
        logging::LogConfig,
        reject::RejectRule,
        retry::{Backoff, BackupConfig, BackupDelay, RetryConfig},
    },
    pool::PoolConfig,
};

/// Keys that change a setting of type `T`.
pub trait Overlay<T> {
    /// Replaces what there are keys for.
    fn overlay(&self, setting: &mut T);

    /// Whether there is any key.
    fn is_set(&self) -> bool;
}

/// A part of a document with the same parts for services and methods.
pub trait Section: Sized {
    /// The part for a service; none but at the top.
    fn service(&self, name: &str) -> Option<&Self>;
    /// The part for a method of this service.
    fn method(&self, name: &str) -> Option<&Self>;
    /// Names of services, each with the names of its methods.
    fn names(&self) -> impl Iterator<Item = (&str, impl Iterator<Item = &str>)>;
}

macro_rules! sections {
    ($($section:ident),*) => {
        $(impl Section for $section {
            fn service(&self, name: &str) -> Option<&Self> {
                self.services.get(name)
            }

            fn method(&self, name: &str) -> Option<&Self> {
                self.methods.get(name)
            }

            fn names(&self) -> impl Iterator<Item = (&str, impl Iterator<Item = &str>)> {
                self.services.iter().map(|(name, it)| (&**name, it.methods.keys().map(|method| &**method)))
            }
        })*
    };
}

sections!(ClientSection, ServerSection);

/// The setting of each method: what the program set, then the keys of the whole side, of the service, of the method.
pub fn per_method<S: Section, K: Overlay<T>, T: Clone>(
    program: &PerMethod<T>,
    side: &S,
    keys: impl Fn(&S) -> &K,
) -> PerMethod<T> {
    let value = |route: Route<'_>| {
        let mut value = program.get(route).clone();
        keys(side).overlay(&mut value);
        if let Some(service) = side.service(route.service) {
            keys(service).overlay(&mut value);
            service.method(route.method).into_iter().for_each(|method| keys(method).overlay(&mut value));
        }
        value
    };
    let mut routes: BTreeSet<(&str, &str)> =
        program.routes().map(|Route { service, method }| (service, method)).collect();
    for (name, methods) in side.names() {
        let Some(service) = side.service(name) else { continue };
        if keys(service).is_set() {
            routes.insert((name, ""));
        }
        let is_set = |method: &&str| service.method(method).is_some_and(|method| keys(method).is_set());
        routes.extend(methods.filter(is_set).map(|method| (name, method)));
    }
    let all = PerMethod::new(value(Route::default()));
    routes.into_iter().fold(all, |all, (service, method)| {
        all.with(service.to_owned(), method.to_owned(), value(Route { service, method }))
    })
}

/// The setting of a whole client or server, of which `service` is the name.
pub fn whole<S: Section, K: Overlay<T>, T: Clone>(
    program: &T,
    side: &S,
    service: &str,
    keys: impl Fn(&S) -> &K,
) -> T {
    let mut value = program.clone();
    keys(side).overlay(&mut value);
    side.service(service).into_iter().for_each(|service| keys(service).overlay(&mut value));
    value
}

/// Replaces `value` if there is a key for it.
pub fn set<T>(key: Option<T>, value: &mut T) {
    if let Some(key) = key {
        *value = key;
    }
}

fn unless_default<T: Default + PartialEq>(keys: &T) -> bool {
    *keys != T::default()
}

/// A single key replaces the setting.
impl<T: Clone> Overlay<T> for Option<T> {
    fn overlay(&self, setting: &mut T) {
        set(self.clone(), setting);
    }

    fn is_set(&self) -> bool {
        self.is_some()
    }
}

impl<T: Clone> Overlay<T> for Option<Name<T>> {
    fn overlay(&self, setting: &mut T) {
        set(self.clone().map(|name| name.0), setting);
    }

    fn is_set(&self) -> bool {
        self.is_some()
    }
}

impl Overlay<Vec<RejectRule>> for Option<Vec<RejectKeys>> {
    fn overlay(&self, setting: &mut Vec<RejectRule>) {
        set(self.as_ref().map(|rules| rules.iter().map(reject_rule).collect()), setting);
    }

    fn is_set(&self) -> bool {
        self.is_some()
    }
}

fn reject_rule(keys: &RejectKeys) -> RejectRule {
    let RejectKeys { callers, except, metainfo, share, reason } = keys;
    let mut rule = RejectRule::default();
    let names = |names: &Vec<String>| names.iter().cloned().map(FastStr::from).collect();
    set(callers.as_ref().map(names), &mut rule.callers);
    set(except.as_ref().map(names), &mut rule.except);
    let pairs = metainfo.iter().flatten();
    rule.metainfo = pairs.map(|(key, value)| (key.clone().into(), value.clone().into())).collect();
    set(share.map(|Percent(percent)| percent), &mut rule.percent);
    set(reason.clone().map(FastStr::from), &mut rule.reason);
    rule
}

impl Overlay<RetryConfig> for RetryKeys {
    fn overlay(&self, setting: &mut RetryConfig) {
        set(self.attempts.map(|Whole(attempts)| attempts), &mut setting.attempts_max);
        set(self.duration.map(|Maybe(time)| time.map(|time| time.0)), &mut setting.duration_max);
        let backoff = self.backoff.map(|Maybe(backoff)| match backoff.map(|it| (it.initial.0, it.max)) {
            None => Backoff::None,
            Some((wait, None)) => Backoff::Fixed(wait),
            Some((initial, Some(max))) => Backoff::Exponential { initial, max: max.0 },
        });
        set(backoff, &mut setting.backoff);
        set(self.same_peer, &mut setting.same_peer);
        set(self.timeouts, &mut setting.timeouts);
        set(self.idempotent, &mut setting.non_idempotent);
        set(self.chained, &mut setting.chained);
        set(self.codes.clone(), &mut setting.codes);
        match self.backup {
            None => {}
            Some(Maybe(None)) => setting.backup = None,
            Some(Maybe(Some(keys))) => backup(&keys, setting.backup.get_or_insert_default()),
        }
    }

    fn is_set(&self) -> bool {
        unless_default(&RetryKeys { budget: None, ..self.clone() })
    }
}

fn backup(keys: &BackupKeys, setting: &mut BackupConfig) {
    set(keys.delay.map(|time| BackupDelay::Fixed(time.0)), &mut setting.delay);
    if keys.percentile.is_some() || keys.min.is_some() {
        let (mut percent, mut min) = match (setting.delay, BackupConfig::default().delay) {
            (BackupDelay::Percentile { percent, min }, _) | (_, BackupDelay::Percentile { percent, min }) => {
                (percent, min)
            }
            (BackupDelay::Fixed(_), BackupDelay::Fixed(min)) => (95, min),
        };
        set(keys.percentile.map(|Percent(percent)| percent), &mut percent);
        set(keys.min.map(|time| time.0), &mut min);
        setting.delay = BackupDelay::Percentile { percent, min };
    }
    set(keys.requests.map(|Whole(requests)| requests), &mut setting.requests_max);
    set(keys.share.map(|Percent(percent)| percent), &mut setting.percent_max);
}

/// The retry budget in percent.
impl Overlay<u32> for RetryKeys {
    fn overlay(&self, setting: &mut u32) {
        set(self.budget.map(|Percent(percent)| percent), setting);
    }

    fn is_set(&self) -> bool {
        self.budget.is_some()
    }
}

impl Overlay<BreakerConfig> for BreakerKeys {
    fn overlay(&self, setting: &mut BreakerConfig) {
        set(self.enabled, &mut setting.enabled);
        set(self.window.map(|time| time.0), &mut setting.window);
        set(self.samples.map(|Whole(samples)| samples), &mut setting.samples_min);
        set(self.failure_rate.map(|Percent(percent)| percent), &mut setting.failure_percent);
        set(self.failures.map(|Maybe(count)| count.map(|count| count.0)), &mut setting.failures_max);
        set(self.slow_call.map(|Maybe(time)| time.map(|time| time.0)), &mut setting.slow_call);
        set(self.slow_rate.map(|Percent(percent)| percent), &mut setting.slow_percent);
        set(self.cooldown.map(|time| time.0), &mut setting.open_time);
        set(self.probes.map(|Whole(probes)| probes), &mut setting.probes);
        let forced = self.state.map(|Name(state)| match state {
            BreakerOverride::Auto => None,
            BreakerOverride::Open => Some(true),
            BreakerOverride::Closed => Some(false),
        });
        set(forced, &mut setting.forced_open);
    }

    fn is_set(&self) -> bool {
        unless_default(self)
    }
}

impl Overlay<LoadBalance> for BalanceKeys {
    fn overlay(&self, setting: &mut LoadBalance) {
        if let Some(Name(policy)) = self.policy {
            let policy = match policy {
                PolicyName::LeastInFlight => LoadBalance::least_in_flight(),
                PolicyName::PeakEwma => LoadBalance::peak_ewma(),
                PolicyName::RoundRobin => LoadBalance::round_robin(),
                PolicyName::WeightedRandom => LoadBalance::weighted_random(),
                PolicyName::ConsistentHash => {
                    let key = self.key.clone().unwrap_or_default();
                    LoadBalance::consistent_hash(HashKey::metainfo(key))
                }
            };
            *setting = setting.clone().with_policy_of(policy);
        }
        match self.same_host_first {
            None => {}
            Some(Maybe(None)) => *setting = setting.clone().anywhere(),
            Some(Maybe(Some(Whole(spill)))) => *setting = setting.clone().same_host_first(spill),
        }
    }

    fn is_set(&self) -> bool {
        unless_default(self)
    }
}

impl Overlay<LoadBalance> for EjectionKeys {
    fn overlay(&self, setting: &mut LoadBalance) {
        if !unless_default(self) {
            return;
        }
        if self.enabled == Some(false) {
            *setting = setting.clone().ejection(None);
            return;
        }
        let rules = setting.ejection_rules().cloned();
        // Keys alone don't switch on what the program switched off.
        let Some(mut rules) = rules.or_else(|| self.enabled.map(|_| Ejection::default())) else { return };
        let failures = self.consecutive_failures.map(|Maybe(count)| count.map_or(0, |count| count.0));
        set(failures, &mut rules.consecutive_failures);
        let rate = self.failure_rate.map(|Maybe(rate)| rate.map_or(2.0, |rate| f64::from(rate.0) / 100.0));
        set(rate, &mut rules.failure_rate);
        set(self.samples.map(|Whole(samples)| samples), &mut rules.samples_min);
        set(self.window.map(|time| time.0), &mut rules.window);
        set(self.slow_call.map(|Maybe(time)| time.map(|time| time.0)), &mut rules.slow_after);
        set(self.ejected_max.map(|Percent(percent)| f64::from(percent) / 100.0), &mut rules.ejected_max);
        set(self.duration.map(|time| time.0), &mut rules.duration);
        set(self.duration_max.map(|time| time.0), &mut rules.duration_max);
        set(self.return_over.map(|time| time.0), &mut rules.return_over);
        *setting = setting.clone().ejection(rules);
    }

    fn is_set(&self) -> bool {
        unless_default(self)
    }
}

impl Overlay<PoolConfig> for PoolKeys {
    fn overlay(&self, setting: &mut PoolConfig) {
        let count = |key: Option<u32>| key.map(|count| count as usize);
        set(count(self.connections.map(|it| it.0)), &mut setting.max_total);
        set(count(self.waiting.map(|it| it.0)), &mut setting.max_waiting);
        set(count(self.idle.map(|it| it.0)), &mut setting.max_idle);
        set(self.idle_time.map(|time| time.0), &mut setting.idle_timeout);
        set(self.lifetime.map(|Maybe(time)| time.map(|time| time.0)), &mut setting.max_lifetime);
        // What the program keeps at least is within what the document allows at most.
        setting.min_idle = setting.min_idle.min(setting.max_idle).min(setting.max_total);
    }

    fn is_set(&self) -> bool {
        unless_default(self)
    }
}

impl Overlay<FaultConfig> for FaultKeys {
    fn overlay(&self, setting: &mut FaultConfig) {
        set(self.delay_share.map(|Percent(percent)| percent), &mut setting.delay_percent);
        set(self.delay.map(|time| time.0), &mut setting.delay);
        set(self.abort_share.map(|Percent(percent)| percent), &mut setting.abort_percent);
        set(self.abort.map(|Name(kind)| Abort(kind)), &mut setting.abort);
    }

    fn is_set(&self) -> bool {
        unless_default(self)
    }
}

impl Overlay<LogConfig> for LogKeys {
    fn overlay(&self, setting: &mut LogConfig) {
        set(self.success.map(|Maybe(level)| level.map(|level| level.0)), &mut setting.level);
        set(self.failure.map(|Maybe(level)| level.map(|level| level.0)), &mut setting.failure_level);
    }

    fn is_set(&self) -> bool {
        unless_default(self)
    }
}

impl Overlay<RateConfig> for RateKeys {
    fn overlay(&self, setting: &mut RateConfig) {
        set(self.per_second.map(|Maybe(rate)| rate.map(|rate| rate.0)), &mut setting.per_second);
        set(self.burst.map(|Whole(burst)| burst), &mut setting.burst);
    }

    fn is_set(&self) -> bool {
        unless_default(self)
    }
}

/// `None` is never to refuse for that.
impl Overlay<Option<CodelConfig>> for QueueKeys {
    fn overlay(&self, setting: &mut Option<CodelConfig>) {
        match self.enabled {
            Some(false) => return *setting = None,
            Some(true) => drop(setting.get_or_insert_default()),
            None => {}
        }
        let Some(config) = setting else { return };
        set(self.target.map(|time| time.0), &mut config.target);
        set(self.interval.map(|time| time.0), &mut config.interval);
    }

    fn is_set(&self) -> bool {
        unless_default(self)
    }
}
