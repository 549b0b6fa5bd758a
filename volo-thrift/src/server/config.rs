//! A server under a document that may change at any time.

use std::sync::{Arc, Mutex, PoisonError};

use volo_core::{
    Error, ErrorKind,
    config::{
        Attached, Config, Document, Governed,
        document::{LimitKeys, ServerSection, ServerTimeouts},
        overlay::{Overlay, per_method, set, whole},
        value::{Maybe, Whole},
    },
    layers::{
        PerMethod, Setting,
        fault::{FaultConfig, FaultLayer},
        limit::{CodelConfig, RateConfig},
        logging::{LogConfig, LoggingLayer},
        reject::{RejectRule, RejectRules},
        trace::{Level, LevelHandle, Side},
    },
};

use super::{
    Server,
    admission::{Admission, Arrival, Gate},
    core::Core,
    places::Places,
    rules::{QueueRule, RateRule},
};
use crate::{
    Limits,
    erased::{Wrap, wrap},
    meta::Caller,
    resources,
};

impl<L> Server<L> {
    /// Lets the keys of a document come before what is set here, from now on and whenever it changes.
    ///
    /// Adds what only a document has: rules of admission (rates, waits, refusals) after those set here, and layers for
    /// a line in the log per call and for faults, outside of all layers but tracers.
    pub fn config(mut self, config: &Config) -> Self {
        self.config = Some(config.clone());
        self
    }
}

/// The settings of what a document adds to a server.
pub(super) struct Extra {
    log: Setting<PerMethod<LogConfig>>,
    fault: Setting<PerMethod<FaultConfig>>,
    reject: Setting<PerMethod<Vec<RejectRule>>>,
    rate: RateRule,
    queue: Setting<Option<QueueRule>>,
    /// What `rate` and `queue` were made of: they count, and must not start anew for the same rates.
    counting: Mutex<(PerMethod<RateConfig>, Option<CodelConfig>)>,
}

impl Extra {
    /// Adds layers and rules to those of a server.
    pub(super) fn placed(layers: &mut Vec<Wrap>, admission: &mut Vec<Box<dyn Admission>>) -> Self {
        let extra = Extra {
            log: LogConfig::OFF.into(),
            fault: FaultConfig::default().into(),
            reject: Vec::new().into(),
            rate: RateRule::new(RateConfig::default()),
            queue: None.into(),
            counting: Mutex::default(),
        };
        layers.push(wrap(LoggingLayer::with(extra.log.clone())));
        layers.push(wrap(FaultLayer::new(extra.fault.clone())));
        admission.push(Box::new(Callers(RejectRules::new(extra.reject.clone()))));
        admission.push(Box::new(extra.rate.clone()));
        admission.push(Box::new(Waits(extra.queue.clone())));
        extra
    }
}

/// Refuses calls by their callers.
struct Callers(RejectRules);

impl Admission for Callers {
    fn admit(&self, arrival: &Arrival<'_>) -> Result<(), Error> {
        let caller = arrival.context.extension::<Caller>().map_or("", |caller| &caller.service);
        match self.0.reason(arrival.context, caller) {
            Some(reason) => Err(Error::new(ErrorKind::Rejected, reason)),
            None => Ok(()),
        }
    }

    fn name(&self) -> &'static str {
        "reject"
    }
}

/// Refuses calls by how long all wait.
struct Waits(Setting<Option<QueueRule>>);

impl Admission for Waits {
    fn admit(&self, arrival: &Arrival<'_>) -> Result<(), Error> {
        self.0.with(|rule| rule.as_ref().map_or(Ok(()), |rule| rule.admit(arrival)))
    }

    fn name(&self) -> &'static str {
        "queue"
    }
}

/// Lets the document govern the server.
pub(super) fn attach(config: &Config, core: &Core, trace: LevelHandle, extra: Extra) -> Attached {
    let (services, takes_any) = core.router.names();
    config.attach(Arc::new(GovernedServer {
        services,
        takes_any,
        gate: core.gate.clone(),
        places: core.places.clone(),
        timeouts: core.timeouts.clone(),
        program: core.limits.clone(),
        program_level: trace.get(),
        trace,
        extra,
    }))
}

struct GovernedServer {
    services: Vec<(&'static str, Vec<&'static str>)>,
    takes_any: bool,
    gate: Arc<Gate>,
    places: Arc<Places>,
    timeouts: Option<Setting<Limits>>,
    trace: LevelHandle,
    extra: Extra,
    /// What the program set, which holds where the document has no keys.
    program: Limits,
    program_level: Level,
}

impl Governed for GovernedServer {
    fn apply(&self, document: &Document) {
        let (server, extra) = (&document.server, &self.extra);
        let mut limits = self.program.clone();
        server.limits.overlay(&mut limits);
        server.timeout.overlay(&mut limits);
        self.gate.configure(limits.concurrency_max, limits.queue_timeout);
        self.places.set_max(limits.connections_max.unwrap_or_else(resources::connections_max));
        if let Some(timeouts) = &self.timeouts {
            timeouts.set(limits);
        }
        self.trace.set(whole(&self.program_level, server, "", |it| &it.trace));
        extra.log.set(per_method(&PerMethod::new(LogConfig::OFF), server, |it: &ServerSection| &it.log));
        extra.fault.set(per_method(&PerMethod::default(), server, |it: &ServerSection| &it.fault));
        extra.reject.set(per_method(&PerMethod::default(), server, |it: &ServerSection| &it.reject));
        let rates = per_method(&PerMethod::default(), server, |it: &ServerSection| &it.rate);
        let queue = whole(&None, server, "", |it| &it.queue);
        let mut counting = extra.counting.lock().unwrap_or_else(PoisonError::into_inner);
        if counting.0 != rates {
            extra.rate.configure(rates.clone());
        }
        if counting.1 != queue {
            extra.queue.set(queue.map(QueueRule::new));
        }
        *counting = (rates, queue);
    }

    fn side(&self) -> Side {
        Side::Server
    }

    fn has(&self, service: &str, method: Option<&str>) -> bool {
        let own = self.services.iter().find(|(name, _)| *name == service);
        self.takes_any
            || own.is_some_and(|(_, methods)| method.is_none_or(|method| methods.contains(&method)))
    }
}

impl Overlay<Limits> for LimitKeys {
    fn overlay(&self, setting: &mut Limits) {
        let count = |key: Option<Maybe<Whole<1, { u32::MAX }>>>| {
            key.map(|Maybe(count)| count.map(|count| count.0 as usize))
        };
        set(count(self.connections), &mut setting.connections_max);
        set(count(self.concurrency), &mut setting.concurrency_max);
        set(self.queue_time.map(|Maybe(time)| time.map(|time| time.0)), &mut setting.queue_timeout);
    }

    fn is_set(&self) -> bool {
        *self != LimitKeys::default()
    }
}

impl Overlay<Limits> for ServerTimeouts {
    fn overlay(&self, setting: &mut Limits) {
        set(self.read.map(|time| time.0), &mut setting.frame_timeout);
        set(self.write.map(|time| time.0), &mut setting.write_timeout);
        set(self.idle.map(|time| time.0), &mut setting.idle_timeout);
    }

    fn is_set(&self) -> bool {
        *self != ServerTimeouts::default()
    }
}
