//! What governance does: retries, circuits, instances, pools, refusals, documents.
//!
//! | metric | kind | labels |
//! |---|---|---|
//! | `rpc.client.retries` | counter | `rpc.method`, `rpc.retry`: `again`, `backup`, `unpaid` (the budget is used up) |
//! | `rpc.client.breaker.state` | gauge: 0 closed, 1 half open, 2 open | `rpc.method` |
//! | `rpc.client.breaker.changes` | counter | `rpc.method`, `rpc.breaker.state`: `closed`, `half_open`, `open` |
//! | `rpc.client.instance.picks`, `rpc.client.instance.ejections` | counter | `server.address` |
//! | `rpc.client.instance.share` | gauge: part of its usual calls an instance gets, 0 while ejected | `server.address` |
//! | `rpc.client.pool.connections` | gauge | `server.address`, `state`: `idle`, `used` |
//! | `rpc.client.pool.waiting` | gauge: callers in line | `server.address` |
//! | `rpc.client.pool.refusals` | counter: callers beyond the line | `server.address` |
//! | `rpc.client.connections` | counter: connections made | `server.address`, `outcome`: `ok`, `failed` |
//! | `rpc.refusals` | counter | `rpc.method`, `rule`: `rate`, `concurrency`, `queue`, `queue_time`, `deadline`, `reject`, `rule` |
//! | `rpc.config.reloads` | counter | `outcome`: `taken`, `refused` |
//!
//! Gauges and picks are read every few seconds; the rest is counted as it happens.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use faststr::FastStr;
use metrics::{Counter, Label, counter, describe_counter, describe_gauge, gauge};
use volo_core::{
    Address,
    layers::{Route, breaker::BreakerState},
    observe::{self, Event, Observer, RetryEvent, Sample},
};

use crate::{Error, table::Table};

/// How often gauges are set.
const INTERVAL: Duration = Duration::from_secs(2);

/// Counts from now on, for the rest of the process; `prometheus::install` does this, too. Must be called on a tokio
/// runtime, after a recorder was installed.
///
/// # Errors
/// When the process has another observer, or there is no runtime.
pub fn install() -> Result<(), Error> {
    let runtime = tokio::runtime::Handle::try_current()
        .map_err(|error| Error::new("gauges need a runtime of tokio", error))?;
    observe::install(Counters::default()).map_err(|error| Error::new("can't count governance", error))?;
    describe();
    runtime.spawn(async {
        let mut gauges = Gauges::default();
        loop {
            gauges.read();
            tokio::time::sleep(INTERVAL).await;
        }
    });
    Ok(())
}

fn describe() {
    describe_counter!("rpc.client.retries", "Calls that were sent again, or would have been.");
    describe_gauge!("rpc.client.breaker.state", "Circuits: 0 closed, 1 half open, 2 open.");
    describe_counter!("rpc.client.breaker.changes", "Changes of circuits to a state.");
    describe_counter!("rpc.client.instance.picks", "Attempts that instances were picked for.");
    describe_counter!("rpc.client.instance.ejections", "Ejections of instances that failed.");
    describe_gauge!("rpc.client.instance.share", "Part of their usual calls that instances get.");
    describe_gauge!("rpc.client.pool.connections", "Pooled connections.");
    describe_gauge!("rpc.client.pool.waiting", "Callers that wait for a connection.");
    describe_counter!("rpc.client.pool.refusals", "Callers that could not even wait for a connection.");
    describe_counter!("rpc.client.connections", "Connections that were made, or could not be.");
    describe_counter!("rpc.refusals", "Calls that were refused before they were made or executed.");
    describe_counter!("rpc.config.reloads", "Documents about governance.");
}

/// What tells counters apart: name, method or address, kind.
type Key = (&'static str, FastStr, FastStr, &'static str);

/// Counts events.
#[derive(Default)]
struct Counters(Table<Key, Counter>);

impl Observer for Counters {
    fn observe(&self, event: &Event<'_>) {
        match *event {
            Event::Retry { route, retry } => {
                let kind = match retry {
                    RetryEvent::Again => "again",
                    RetryEvent::Backup => "backup",
                    RetryEvent::Unpaid => "unpaid",
                };
                self.method("rpc.client.retries", route, "rpc.retry", kind);
            }
            Event::Breaker { route, state } => {
                let (kind, level) = match state {
                    BreakerState::Closed => ("closed", 0.0),
                    BreakerState::HalfOpen => ("half_open", 1.0),
                    BreakerState::Open => ("open", 2.0),
                };
                gauge!("rpc.client.breaker.state", vec![method_label(route)]).set(level);
                self.method("rpc.client.breaker.changes", route, "rpc.breaker.state", kind);
            }
            Event::Ejected { endpoint } => {
                self.address("rpc.client.instance.ejections", &endpoint.instance().address, "", "");
            }
            Event::Connected { address, connected } => {
                let outcome = if connected { "ok" } else { "failed" };
                self.address("rpc.client.connections", address, "outcome", outcome);
            }
            Event::PoolFull { address } => self.address("rpc.client.pool.refusals", address, "", ""),
            Event::Refused { route, rule } => self.method("rpc.refusals", route, "rule", rule),
            Event::Document { taken } => {
                let outcome = if taken { "taken" } else { "refused" };
                counter!("rpc.config.reloads", "outcome" => outcome).increment(1);
            }
            _ => {}
        }
    }
}

impl Counters {
    fn method(&self, name: &'static str, route: Route<'_>, kind_key: &'static str, kind: &'static str) {
        let other = || (name, "_OTHER".into(), "_OTHER".into(), kind);
        let own = || (name, FastStr::new(route.service), FastStr::new(route.method), kind);
        let key = if route.may_be_kept() { own() } else { other() };
        let counter = self.0.get_or_insert(key, other, |(name, service, method, kind)| {
            counter!(*name, vec![method_label(Route { service, method }), Label::new(kind_key, *kind)])
        });
        counter.increment(1);
    }

    fn address(&self, name: &'static str, address: &Address, kind_key: &'static str, kind: &'static str) {
        let key = (name, FastStr::from(address.to_string()), FastStr::empty(), kind);
        let other = || (name, "_OTHER".into(), FastStr::empty(), kind);
        let counter = self.0.get_or_insert(key, other, |(name, address, _, kind)| {
            let mut labels = vec![Label::new("server.address", address.to_string())];
            labels.extend((!kind_key.is_empty()).then(|| Label::new(kind_key, *kind)));
            counter!(*name, labels)
        });
        counter.increment(1);
    }
}

fn method_label(Route { service, method }: Route<'_>) -> Label {
    Label::new("rpc.method", format!("{service}/{method}"))
}

/// What was read the last time.
#[derive(Default)]
struct Gauges {
    /// Picks of each instance, by where its statistics are: several clients may have the same address.
    picks: HashMap<usize, u64>,
    addresses: HashSet<String>,
}

/// All of one address.
#[derive(Default)]
struct Total {
    idle: usize,
    used: usize,
    waiting: usize,
    share: Option<f64>,
    new_picks: u64,
}

impl Gauges {
    fn read(&mut self) {
        let mut totals: HashMap<String, Total> = HashMap::new();
        let mut picks = HashMap::new();
        observe::sample(|sample| match sample {
            Sample::Endpoint(endpoint) => {
                let total = totals.entry(endpoint.instance().address.to_string()).or_default();
                let (id, now) = (endpoint.statistics_id(), endpoint.picks());
                let before = self.picks.get(&id).copied().filter(|before| *before <= now).unwrap_or(0);
                total.new_picks += now - before;
                total.share = Some(total.share.unwrap_or(1.0).min(endpoint.share()));
                picks.insert(id, now);
            }
            Sample::Pool(address, status) => {
                let total = totals.entry(address.to_string()).or_default();
                total.idle += status.idle;
                total.used += status.lent;
                total.waiting += status.waiting;
            }
            _ => {}
        });
        self.picks = picks;
        // What is gone is at 0 for once.
        for gone in self.addresses.iter().filter(|address| !totals.contains_key(*address)) {
            show(gone, &Total::default());
        }
        totals.iter().for_each(|(address, total)| show(address, total));
        self.addresses = totals.into_keys().collect();
    }
}

fn show(address: &str, total: &Total) {
    let address = Label::new("server.address", address.to_owned());
    let state = |state| vec![address.clone(), Label::new("state", state)];
    gauge!("rpc.client.pool.connections", state("idle")).set(total.idle as f64);
    gauge!("rpc.client.pool.connections", state("used")).set(total.used as f64);
    gauge!("rpc.client.pool.waiting", vec![address.clone()]).set(total.waiting as f64);
    counter!("rpc.client.instance.picks", vec![address.clone()]).increment(total.new_picks);
    if let Some(share) = total.share {
        gauge!("rpc.client.instance.share", vec![address]).set(share);
    }
}
