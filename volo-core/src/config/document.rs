//! The document: which keys there are, where each may stand, and what it holds.
//!
//! A key that is not there leaves what the program set. One section serves all levels (a side, a service, a method), so
//! that every key is written the same way wherever it stands; [`check`](Document::check) says where it can't.

use std::collections::BTreeMap;

use serde::Deserialize;
use tracing::Level as LogLevel;

use super::value::{Maybe, Name, Named, Percent, Time, Whole};
use crate::{ErrorKind, layers::trace::Level as TraceLevel};

/// A group of keys, all of which may be missing.
macro_rules! group {
    ($(#[$doc:meta])* $name:ident { $($(#[$key_doc:meta])* $key:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, Deserialize, PartialEq)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            $($(#[$key_doc])* pub $key: Option<$type>,)*
        }
    };
}

/// All of governance for one process.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Document {
    /// For all clients.
    pub client: ClientSection,
    /// For all servers.
    pub server: ServerSection,
}

/// What governs calls that this process makes: all of them, those of a service, or those of a method.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct ClientSection {
    /// How long things may take.
    pub timeout: ClientTimeouts,
    /// When calls are sent again.
    pub retry: RetryKeys,
    /// When methods that fail are not called any more.
    pub breaker: BreakerKeys,
    /// Which instance a call goes to.
    pub balance: BalanceKeys,
    /// When instances that fail get no more calls.
    pub ejection: EjectionKeys,
    /// Connections that serve one call at a time.
    pub pool: PoolKeys,
    /// Whether the client's fallback answers for calls that failed.
    pub fallback: Option<bool>,
    /// Which calls are refused before they are made.
    pub reject: Option<Vec<RejectKeys>>,
    /// What goes wrong on purpose.
    pub fault: FaultKeys,
    /// At which levels calls are logged.
    pub log: LogKeys,
    /// How much tracers are told.
    pub trace: Option<Name<TraceLevel>>,
    /// The same for the calls of a service, by its name in the IDL.
    pub services: BTreeMap<String, ClientSection>,
    /// The same for a method of the service.
    pub methods: BTreeMap<String, ClientSection>,
}

/// What governs calls that this process serves: all of them, those of a service, or those of a method.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct ServerSection {
    /// How long peers may take.
    pub timeout: ServerTimeouts,
    /// How much is taken at a time.
    pub limits: LimitKeys,
    /// How many calls per second are taken.
    pub rate: RateKeys,
    /// When calls are refused because all have to wait.
    pub queue: QueueKeys,
    /// Which calls are refused.
    pub reject: Option<Vec<RejectKeys>>,
    /// What goes wrong on purpose.
    pub fault: FaultKeys,
    /// At which levels calls are logged.
    pub log: LogKeys,
    /// How much tracers are told.
    pub trace: Option<Name<TraceLevel>>,
    /// The same for the calls of a service, by its name in the IDL.
    pub services: BTreeMap<String, ServerSection>,
    /// The same for a method of the service.
    pub methods: BTreeMap<String, ServerSection>,
}

group! {
    /// How long things may take.
    ClientTimeouts {
        /// A call with all its attempts.
        total: Maybe<Time>,
        /// One attempt.
        attempt: Maybe<Time>,
        /// Making a connection.
        connect: Time,
        /// From the first byte of a reply to its last.
        read: Time,
        /// How long a peer may take no byte.
        write: Time,
    }
}

group! {
    /// When calls are sent again.
    RetryKeys {
        /// Attempts at most, the first included.
        attempts: Whole<1, 16>,
        /// No attempt starts later.
        duration: Maybe<Time>,
        /// How long to wait after a failure.
        backoff: Maybe<BackoffKeys>,
        /// Whether a retry goes to the peer that failed.
        same_peer: bool,
        /// Whether attempts that ran out of time are retried.
        timeouts: bool,
        /// Whether executing a call twice does no harm.
        idempotent: bool,
        /// Whether calls on behalf of a retry are retried.
        chained: bool,
        /// Business statuses that are retried.
        codes: Vec<i32>,
        /// How many of all calls may be retries.
        budget: Percent<0>,
        /// Whether slow calls are sent to a second peer.
        backup: Maybe<BackupKeys>,
    }
}

/// How long to wait after a failure.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct BackoffKeys {
    /// The first wait; each further one is twice as long, up to `max`, less chance.
    pub initial: Time,
    /// The longest wait; without it, all are as long as the first.
    pub max: Option<Time>,
}

group! {
    /// When a call is sent to a second peer.
    #[derive(Copy)]
    BackupKeys {
        /// After this time.
        delay: Time,
        /// Or after so many percent of the method's calls are over, as measured.
        percentile: Percent<1>,
        /// The shortest wait if it is measured.
        min: Time,
        /// Backup requests per call.
        requests: Whole<1, 8>,
        /// Backup requests in relation to calls.
        share: Percent<1>,
    }
}

group! {
    /// When methods that fail are not called any more.
    BreakerKeys {
        /// Whether the circuit opens by itself.
        enabled: bool,
        /// How far back calls are counted.
        window: Time,
        /// Calls in the window before their shares mean anything.
        samples: Whole<1, { u32::MAX }>,
        /// The share of failures at which it opens.
        failure_rate: Percent<1>,
        /// The number of failures at which it opens.
        failures: Maybe<Whole<1, { u32::MAX }>>,
        /// From how long on a call is slow.
        slow_call: Maybe<Time>,
        /// The share of slow calls at which it opens.
        slow_rate: Percent<1>,
        /// How long it stays open.
        cooldown: Time,
        /// Calls that have to succeed before it closes.
        probes: Whole<1, 1000>,
        /// Holds it open or closed.
        state: Name<BreakerOverride>,
    }
}

group! {
    /// Which instance a call goes to.
    BalanceKeys {
        /// How calls are spread.
        policy: Name<PolicyName>,
        /// The metainfo by which `consistent_hash` tells calls apart.
        key: String,
        /// Calls under way at each local instance before others get some.
        same_host_first: Maybe<Whole<1, { u32::MAX }>>,
    }
}

group! {
    /// When instances that fail get no more calls.
    EjectionKeys {
        /// Whether any are ejected.
        enabled: bool,
        /// Failures in a row.
        consecutive_failures: Maybe<Whole<1, { u32::MAX }>>,
        /// The share of failures.
        failure_rate: Maybe<Percent<1>>,
        /// Attempts before the share means anything.
        samples: Whole<1, { u32::MAX }>,
        /// Over what time the share is taken.
        window: Time,
        /// From how long on an attempt counts as failed.
        slow_call: Maybe<Time>,
        /// The share of all instances that are out at most.
        ejected_max: Percent<0>,
        /// How long the first ejection lasts.
        duration: Time,
        /// How long an ejection lasts at most.
        duration_max: Time,
        /// How long it takes to get its full share back.
        return_over: Time,
    }
}

group! {
    /// Connections that serve one call at a time, each per address.
    PoolKeys {
        /// Connections.
        connections: Whole<1, { u32::MAX }>,
        /// Callers that wait for one.
        waiting: Whole<0, { u32::MAX }>,
        /// Idle connections.
        idle: Whole<0, { u32::MAX }>,
        /// How long a connection may be idle.
        idle_time: Time,
        /// How old a connection may become.
        lifetime: Maybe<Time>,
    }
}

group! {
    /// Which calls are refused: those that meet all conditions.
    RejectKeys {
        /// Only calls of these callers.
        callers: Vec<String>,
        /// Not calls of these callers.
        except: Vec<String>,
        /// Only calls with these values of metainfo.
        metainfo: BTreeMap<String, String>,
        /// A part of those.
        share: Percent<1>,
        /// What the caller is told.
        reason: String,
    }
}

group! {
    /// What goes wrong on purpose.
    FaultKeys {
        /// The share of calls that are delayed.
        delay_share: Percent<0>,
        /// For how long.
        delay: Time,
        /// The share of calls that fail.
        abort_share: Percent<0>,
        /// What they fail with.
        abort: Name<ErrorKind>,
    }
}

group! {
    /// At which levels calls are logged.
    LogKeys {
        /// Those that ended well.
        success: Maybe<Name<LogLevel>>,
        /// Those that failed.
        failure: Maybe<Name<LogLevel>>,
    }
}

group! {
    /// How long peers may take.
    ServerTimeouts {
        /// From the first byte of a request to its last.
        read: Time,
        /// How long a peer may take no byte of its replies.
        write: Time,
        /// How long a connection may be idle.
        idle: Time,
    }
}

group! {
    /// How much is taken at a time.
    LimitKeys {
        /// Connections.
        connections: Maybe<Whole<1, { u32::MAX }>>,
        /// Calls under way.
        concurrency: Maybe<Whole<1, { u32::MAX }>>,
        /// How long a call may have waited.
        queue_time: Maybe<Time>,
    }
}

group! {
    /// How many calls are taken.
    RateKeys {
        /// In the long run.
        per_second: Maybe<Whole<0, { u32::MAX }>>,
        /// At once, after a pause.
        burst: Whole<0, { u32::MAX }>,
    }
}

group! {
    /// When calls are refused because all have to wait.
    QueueKeys {
        /// Whether they ever are.
        enabled: bool,
        /// A wait that is always fine.
        target: Time,
        /// For how long all have to wait for more.
        interval: Time,
    }
}

/// What a circuit is held in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerOverride {
    /// Nothing: it decides by itself.
    Auto,
    /// It refuses all calls.
    Open,
    /// It admits all calls.
    Closed,
}

/// The policies of [`LoadBalance`](crate::balance::LoadBalance).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is explained where it is made")]
pub enum PolicyName {
    LeastInFlight,
    PeakEwma,
    RoundRobin,
    WeightedRandom,
    ConsistentHash,
}

impl Named for BreakerOverride {
    const NAMES: &'static [(&'static str, Self)] =
        &[("auto", Self::Auto), ("open", Self::Open), ("closed", Self::Closed)];
}

impl Named for PolicyName {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("least_in_flight", Self::LeastInFlight),
        ("peak_ewma", Self::PeakEwma),
        ("round_robin", Self::RoundRobin),
        ("weighted_random", Self::WeightedRandom),
        ("consistent_hash", Self::ConsistentHash),
    ];
}

impl Named for ErrorKind {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("closed", Self::Closed),
        ("connect", Self::Connect),
        ("internal", Self::Internal),
        ("overloaded", Self::Overloaded),
        ("rejected", Self::Rejected),
        ("timeout", Self::Timeout),
    ];
}

impl Named for TraceLevel {
    const NAMES: &'static [(&'static str, Self)] =
        &[("off", Self::Off), ("base", Self::Base), ("detailed", Self::Detailed)];
}

impl Named for LogLevel {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("error", Self::ERROR),
        ("warn", Self::WARN),
        ("info", Self::INFO),
        ("debug", Self::DEBUG),
        ("trace", Self::TRACE),
    ];
}
