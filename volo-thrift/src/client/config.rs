//! A client under a document that may change at any time.

use std::sync::Arc;

use volo_core::{
    balance::{Balancer, LoadBalance},
    config::{
        Attached, Config, Document, Governed,
        document::{ClientSection, ClientTimeouts},
        overlay::{Overlay, per_method, set, whole},
        value::Maybe,
    },
    layers::{
        PerMethod, Setting,
        breaker::BreakerConfig,
        fault::{FaultConfig, FaultLayer},
        logging::{LogConfig, LoggingLayer},
        reject::{RejectLayer, RejectRule, RejectRules},
        retry::RetryConfig,
        trace::{Level, Side},
    },
    pool::PoolConfig,
};

use super::{
    ClientBuilder, Governance, ServiceClient, Timeouts,
    connection::Times,
    stack::{Layers, Transport},
};
use crate::{Method, erased::wrap};

impl<C: ServiceClient> ClientBuilder<C> {
    /// Lets the keys of a document come before what is set here, from now on and whenever it changes.
    ///
    /// Adds layers for what only a document has: refusals and a line in the log per call outside of all other layers
    /// but tracers, faults inside of all.
    pub fn config(mut self, config: &Config) -> Self {
        self.config = Some(config.clone());
        self
    }
}

/// The settings of the layers that a document adds.
pub(super) struct Extra {
    log: Setting<PerMethod<LogConfig>>,
    reject: Setting<PerMethod<Vec<RejectRule>>>,
    fault: Setting<PerMethod<FaultConfig>>,
}

impl Extra {
    /// Adds the layers to those of a client.
    pub(super) fn placed(layers: &mut Layers) -> Self {
        let extra = Extra {
            log: LogConfig::OFF.into(),
            reject: Vec::new().into(),
            fault: FaultConfig::default().into(),
        };
        let rules = RejectRules::new(extra.reject.clone());
        let reject = RejectLayer::new(move |request: &volo_core::Request| rules.reason(&request.context, ""));
        let outer = [wrap(LoggingLayer::with(extra.log.clone())), wrap(reject)];
        layers.outer.splice(0..0, outer);
        layers.inner.push(wrap(FaultLayer::new(extra.fault.clone())));
        extra
    }
}

/// What a client is called in a document.
pub(super) struct Names {
    pub(super) service: &'static str,
    pub(super) methods: &'static [Method],
}

/// The parts of a client that a document changes.
pub(super) struct Parts {
    pub(super) names: Names,
    pub(super) governance: Governance,
    pub(super) balancer: Option<Arc<Balancer>>,
    pub(super) times: Setting<Times>,
    pub(super) transport: Transport,
}

/// What the program set, which holds where the document has no keys.
struct Program {
    timeouts: PerMethod<Timeouts>,
    retry: PerMethod<RetryConfig>,
    budget_percent: u32,
    breakers: PerMethod<BreakerConfig>,
    fallback_suspended: PerMethod<bool>,
    trace: Level,
    balance: LoadBalance,
    times: Times,
    pool: PoolConfig,
}

/// Lets the document govern these parts.
pub(super) fn attach(config: &Config, parts: Parts, extra: Extra) -> Attached {
    let Governance { timeouts, retry, budget, breakers, fallback_suspended, trace, .. } = &parts.governance;
    let program = Program {
        timeouts: PerMethod::clone(&timeouts.get()),
        retry: PerMethod::clone(&retry.get()),
        budget_percent: budget.percent(),
        breakers: breakers.config(),
        fallback_suspended: PerMethod::clone(&fallback_suspended.get()),
        trace: trace.get(),
        balance: parts.balancer.as_ref().map(|balancer| balancer.options()).unwrap_or_default(),
        times: *parts.times.get(),
        pool: parts.transport.pingpong().map(|it| it.pool().config()).unwrap_or_default(),
    };
    config.attach(Arc::new(GovernedClient { parts, extra, program }))
}

struct GovernedClient {
    parts: Parts,
    extra: Extra,
    program: Program,
}

impl Governed for GovernedClient {
    fn apply(&self, document: &Document) {
        let GovernedClient { parts, extra, program } = self;
        let (client, service) = (&document.client, parts.names.service);
        let Governance { timeouts, retry, budget, breakers, fallback_suspended, trace, .. } =
            &parts.governance;
        timeouts.set(per_method(&program.timeouts, client, |it: &ClientSection| &it.timeout));
        retry.set(per_method(&program.retry, client, |it: &ClientSection| &it.retry));
        budget.set_percent(whole(&program.budget_percent, client, service, |it| &it.retry));
        let wanted = per_method(&program.breakers, client, |it: &ClientSection| &it.breaker);
        if breakers.config() != wanted {
            breakers.configure(wanted);
        }
        let answers = program.fallback_suspended.clone().map(|suspended| !suspended);
        let answers = per_method(&answers, client, |it: &ClientSection| &it.fallback);
        fallback_suspended.set(answers.map(|answers| !answers));
        trace.set(whole(&program.trace, client, service, |it| &it.trace));
        extra.log.set(per_method(&PerMethod::new(LogConfig::OFF), client, |it: &ClientSection| &it.log));
        extra.reject.set(per_method(&PerMethod::default(), client, |it: &ClientSection| &it.reject));
        extra.fault.set(per_method(&PerMethod::default(), client, |it: &ClientSection| &it.fault));
        parts.times.set(whole(&program.times, client, service, |it| &it.timeout));
        if let Some(balancer) = &parts.balancer {
            let balance = whole(&program.balance, client, service, |it| &it.balance);
            balancer.configure(whole(&balance, client, service, |it| &it.ejection));
        }
        if let Some(pingpong) = parts.transport.pingpong() {
            let pool = whole(&program.pool, client, service, |it| &it.pool);
            if let Err(error) = pingpong.pool().configure(pool) {
                tracing::error!(service, %error, "the pool stays as it was");
            }
        }
    }

    fn side(&self) -> Side {
        Side::Client
    }

    fn has(&self, service: &str, method: Option<&str>) -> bool {
        let Names { service: own, methods } = self.parts.names;
        if own.is_empty() {
            return true;
        }
        let knows = |name| methods.is_empty() || methods.iter().any(|method| method.name == name);
        own == service && method.is_none_or(knows)
    }
}

impl Overlay<Timeouts> for ClientTimeouts {
    fn overlay(&self, setting: &mut Timeouts) {
        set(self.total.map(|Maybe(time)| time.map(|time| time.0)), &mut setting.total);
        set(self.attempt.map(|Maybe(time)| time.map(|time| time.0)), &mut setting.attempt);
    }

    fn is_set(&self) -> bool {
        self.total.is_some() || self.attempt.is_some()
    }
}

impl Overlay<Times> for ClientTimeouts {
    fn overlay(&self, setting: &mut Times) {
        set(self.connect.map(|time| Some(time.0)), &mut setting.connect);
        set(self.read.map(|time| time.0), &mut setting.frame);
        set(self.write.map(|time| time.0), &mut setting.write);
    }

    fn is_set(&self) -> bool {
        self.connect.is_some() || self.read.is_some() || self.write.is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use volo_core::net::ConnectOptions;

    use super::*;
    use crate::{
        Client, Limits,
        budget::ReceiveBudget,
        client::connection::{Checksums, Settings},
        wire::{Dialect, Framing, Protocol},
    };

    #[test]
    fn times_of_connections_follow_the_document() {
        let times: Setting<Times> = Times::from(&Limits::default()).into();
        let settings = Settings {
            dialect: Dialect::new(Framing::TtHeader, Protocol::Binary),
            limits: Limits::default(),
            times: times.clone(),
            identity: Default::default(),
            flags: 0,
            checksums: Checksums::Never,
            budget: ReceiveBudget::of_process(&Limits::default()),
            multiplexed: false,
            greeting: None,
        };
        let config = Config::new();
        let parts = Parts {
            names: Names { service: "Shop", methods: &[] },
            governance: Governance::default(),
            balancer: None,
            times,
            transport: Transport::Refusing("a test".into()),
        };
        let _attached = attach(&config, parts, Extra::placed(&mut Layers::default()));
        let of = |settings: &Settings| {
            let Times { frame, write, .. } = *settings.times.get();
            (settings.connect_options(&ConnectOptions::default()).connect_timeout, frame, write)
        };
        let ms = Duration::from_millis;
        assert_eq!(of(&settings), (ms(50), ms(30_000), ms(30_000)));
        let text = "[client.timeout]\nconnect = \"1s\"\nread = \"2s\"\n[client.services.Shop.timeout]\nwrite = \"3s\"";
        config.replace(text, "test").unwrap();
        assert_eq!(of(&settings), (ms(1000), ms(2000), ms(3000)));
        config.replace("", "test").unwrap();
        assert_eq!(of(&settings), (ms(50), ms(30_000), ms(30_000)));
    }

    #[test]
    fn clients_of_any_service_know_every_name() {
        let config = Config::new();
        let _any: Client = crate::ClientBuilder::new("any").config(&config).build();
        config.replace("[client.services.Shop.methods.buy.retry]\nattempts = 1", "test").unwrap();
        assert!(config.unknown().is_empty());
    }
}
