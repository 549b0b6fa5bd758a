//! From the names a call carries to the method that serves it.
//!
//! A service name (TTHeader's `isn`, or Apache's multiplexed `service:method`) decides if there is one; otherwise the
//! method's name does, which is why two services may not share one unless every call must name its service.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use faststr::FastStr;
use foldhash::fast::RandomState;
use volo_core::{Context, Error, ErrorKind, Result, Target};

use crate::{
    ApplicationException, ApplicationKind, Limits, Method, Service,
    meta::{self, BackwardForm, Notes},
    wire::{Front, Header, MessageHead, MessageKind},
};

/// All methods of a server.
pub(super) struct Router {
    routes: Vec<Arc<Route>>,
    services: Vec<Names>,
    by_method: HashMap<&'static str, usize, RandomState>,
    /// Whom calls go to that nobody else takes.
    rest: Option<Arc<Route>>,
    service_name_required: bool,
}

/// One method of one service.
pub(super) struct Route {
    /// The service as it was added.
    pub(super) service: Arc<dyn Service>,
    service_name: &'static str,
    /// The method's index in [`Service::methods`].
    pub(super) index: usize,
    /// The method itself.
    pub(super) method: Method,
    /// The same as calls have it; `None` if it is any method.
    target: Option<Arc<Target>>,
    /// Whether its handler may block a thread.
    pub(super) blocking: bool,
    /// How long the handler keeps the connection waiting.
    pub(super) pace: Pace,
    /// What goes before a result of which the header says nothing else.
    pub(super) reply: Option<Front>,
    /// The same with a checksum.
    pub(super) checked_reply: Option<Front>,
}

impl Route {
    /// The way to a service that takes any method.
    fn rest(service: &Arc<dyn Service>) -> Self {
        Route {
            service: service.clone(),
            service_name: "",
            index: 0,
            method: Method::new("", ""),
            target: None,
            blocking: false,
            pace: Pace::default(),
            reply: None, // the method is another one each time
            checked_reply: None,
        }
    }

    /// Whether `name` is its own, with or without the service's.
    fn answers_to(&self, name: &str) -> bool {
        let qualified = name.split_once('.') == Some((self.service_name, self.method.name));
        qualified || name == self.method.name
    }

    /// The names of the method and its service.
    pub(super) fn names(&self) -> volo_core::layers::Route<'static> {
        volo_core::layers::Route { service: self.service_name, method: self.method.name }
    }

    /// The target of a call that came so: the method's own, which need not be made each time, unless that does not say
    /// all.
    pub(super) fn target(&self, header: Option<&Header>, head: &MessageHead) -> Arc<Target> {
        match &self.target {
            None => Arc::new(meta::read_target(header, head)),
            Some(target) if target.oneway || head.kind != MessageKind::Oneway => target.clone(),
            Some(target) => Arc::new(Target { oneway: true, ..Target::clone(target) }),
        }
    }
}

struct Names {
    service: &'static str,
    methods: HashMap<&'static str, usize, RandomState>,
}

impl Router {
    /// The services, each with the names of its methods, and whether there is one that takes any call.
    #[cfg(feature = "config")]
    pub(super) fn names(&self) -> (Vec<(&'static str, Vec<&'static str>)>, bool) {
        let names = self.services.iter().map(|it| (it.service, it.methods.keys().copied().collect()));
        (names.collect(), self.rest.is_some())
    }

    /// A router over `services`, of which the `blocking` methods (`method` or `Service.method`) may block a thread.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when there is no service, two have the same name, two have a method of the same name
    /// (unless every call must name its service), or a blocking method doesn't exist.
    pub(super) fn new(
        services: &[Arc<dyn Service>],
        blocking: &[String],
        service_name_required: bool,
    ) -> Result<Self> {
        if services.is_empty() {
            return Err(config("a server needs at least one service".to_owned()));
        }
        let mut router = Router {
            routes: Vec::new(),
            services: Vec::new(),
            by_method: HashMap::default(),
            rest: None,
            service_name_required,
        };
        for service in services {
            router.add(service, blocking)?;
        }
        match blocking.iter().find(|name| !router.routes.iter().any(|route| route.answers_to(name))) {
            Some(name) => Err(config(format!("no service has the blocking method `{name}`"))),
            None => Ok(router),
        }
    }

    fn add(&mut self, service: &Arc<dyn Service>, blocking: &[String]) -> Result<()> {
        if service.takes_any_method() {
            return match self.rest.replace(Arc::new(Route::rest(service))) {
                None => Ok(()),
                Some(_) => Err(config("two services take any method".to_owned())),
            };
        }
        let service_name = service.name();
        if self.services.iter().any(|known| known.service == service_name) {
            return Err(config(format!("two services have the name `{service_name}`")));
        }
        let mut methods = HashMap::default();
        for (index, method) in service.methods().iter().enumerate() {
            let position = self.routes.len();
            methods.insert(method.name, position);
            let known = self.by_method.insert(method.name, position);
            if let Some(known) = known.filter(|_| !self.service_name_required) {
                let (known, method) = (self.routes[known].service_name, method.name);
                return Err(config(format!(
                    "services `{known}` and `{service_name}` both have a method `{method}`: rename it, serve them \
                     apart, or require a service name in every call"
                )));
            }
            let mut route = Route {
                service: service.clone(),
                service_name,
                index,
                method: *method,
                target: Some(Arc::new(Target {
                    service: FastStr::from_static_str(service_name),
                    method: FastStr::from_static_str(method.name),
                    oneway: method.oneway,
                    idempotent: false, // to run it again is up to the caller
                })),
                blocking: false,
                pace: Pace::default(),
                reply: plain_reply(method.name, false),
                checked_reply: plain_reply(method.name, true),
            };
            route.blocking = blocking.iter().any(|name| route.answers_to(name));
            self.routes.push(Arc::new(route));
        }
        self.services.push(Names { service: service_name, methods });
        Ok(())
    }

    /// The method of these names; an empty service name is none.
    pub(super) fn find(&self, service: &str, method: &str) -> Result<&Arc<Route>, ApplicationException> {
        self.find_own(service, method).or_else(|exception| self.rest.as_ref().ok_or(exception))
    }

    fn find_own(&self, service: &str, method: &str) -> Result<&Arc<Route>, ApplicationException> {
        let position = if service.is_empty() {
            self.by_method(method)?
        } else {
            self.named(service)?.methods.get(method).copied()
        };
        position.map(|position| &self.routes[position]).ok_or_else(|| {
            ApplicationException::new(ApplicationKind::UNKNOWN_METHOD, format!("unknown method {method}"))
        })
    }

    fn by_method(&self, method: &str) -> Result<Option<usize>, ApplicationException> {
        if self.service_name_required {
            let text = format!("call of {method} names no service, and this server needs one");
            return Err(ApplicationException::new(ApplicationKind::NO_SERVICE_NAME, text));
        }
        Ok(self.by_method.get(method).copied())
    }

    /// The service of this name, or the one that inherits from it.
    fn named(&self, service: &str) -> Result<&Names, ApplicationException> {
        let inherits = |names: &&Names| {
            let mut routes = names.methods.values().map(|position| &self.routes[*position]);
            routes.any(|route| route.method.service == service)
        };
        let known = self.services.iter().find(|names| names.service == service);
        known.or_else(|| self.services.iter().find(inherits)).ok_or_else(|| {
            ApplicationException::new(ApplicationKind::UNKNOWN_SERVICE, format!("unknown service {service}"))
        })
    }
}

fn plain_reply(method: &'static str, checksum: bool) -> Option<Front> {
    let (kind, mut header) = (MessageKind::Reply, Header { checksum, ..Header::default() });
    meta::write_reply(&mut header, &Context::default(), kind, &Notes::default(), BackwardForm::default());
    let head = MessageHead::new(kind, FastStr::from_static_str(method), 0);
    Front::new(&header, &head, 0, &Limits::default())
}

fn config(text: String) -> Error {
    Error::new(ErrorKind::Config, text)
}

/// First polls longer than this keep the connection's other calls waiting too long.
const SLOW: Duration = Duration::from_micros(100);

/// Moving mean of how long a method's first poll takes.
#[derive(Default)]
pub(super) struct Pace {
    mean_ns: AtomicU32,
}

impl Pace {
    /// Counts one first poll. Lost updates between threads do no harm to a mean.
    pub(super) fn record(&self, took: Duration) {
        let sample = i64::try_from(took.as_nanos()).unwrap_or(i64::MAX).min(i64::from(u32::MAX));
        let mean = i64::from(self.mean_ns.load(Ordering::Relaxed));
        let next = if mean == 0 { sample } else { mean + (sample - mean) / 4 };
        self.mean_ns.store(u32::try_from(next).unwrap_or(u32::MAX), Ordering::Relaxed);
    }

    /// Whether the method is better spawned from the start.
    pub(super) fn is_slow(&self) -> bool {
        u128::from(self.mean_ns.load(Ordering::Relaxed)) > SLOW.as_nanos()
    }
}

#[cfg(test)]
mod tests {
    use volo_core::Request;

    use super::*;
    use crate::HandlerFuture;

    struct Fake(&'static str, &'static [Method]);

    impl Service for Fake {
        fn name(&self) -> &'static str {
            self.0
        }

        fn methods(&self) -> &'static [Method] {
            self.1
        }

        fn call(&self, _: usize, _: Request) -> HandlerFuture {
            Box::pin(async { Err(Error::internal("not called here")) })
        }
    }

    const fn method(service: &'static str, name: &'static str) -> Method {
        Method { service, name, oneway: false, idempotent: false }
    }

    static CATALOG: [Method; 2] = [method("Base", "ping"), method("Catalog", "list")];
    static ORDERING: [Method; 1] = [method("Ordering", "create")];
    static OTHER: [Method; 1] = [method("Other", "list")];

    fn router(services: &[(&'static str, &'static [Method])], required: bool) -> Result<Router> {
        let services: Vec<Arc<dyn Service>> = services
            .iter()
            .map(|(name, methods)| Arc::new(Fake(name, methods)) as Arc<dyn Service>)
            .collect();
        Router::new(&services, &["Catalog.list".to_owned()], required)
    }

    fn found(router: &Router, service: &str, method: &str) -> Result<(&'static str, usize), i32> {
        let route = router.find(service, method).map_err(|exception| exception.kind().0)?;
        Ok((route.service_name, route.index))
    }

    #[test]
    fn a_service_name_decides_before_the_method_name() {
        let router = router(&[("Catalog", &CATALOG), ("Ordering", &ORDERING)], false).unwrap();
        assert_eq!(found(&router, "", "list"), Ok(("Catalog", 1)));
        assert_eq!(found(&router, "Ordering", "create"), Ok(("Ordering", 0)));
        assert_eq!(found(&router, "Base", "ping"), Ok(("Catalog", 0)), "by the service it inherits from");
        assert_eq!(found(&router, "Ordering", "list"), Err(1));
        assert_eq!(found(&router, "", "nothing"), Err(1));
        assert_eq!(found(&router, "Nobody", "list"), Err(20));
        assert!(router.find("", "list").unwrap().blocking && !router.find("", "ping").unwrap().blocking);
    }

    #[test]
    fn clashes_name_both_services() {
        let services: [(&str, &[Method]); 2] = [("Catalog", &CATALOG), ("Other", &OTHER)];
        let error = router(&services, false).err().unwrap().to_string();
        assert!(error.contains("`Catalog` and `Other` both have a method `list`"), "{error}");

        let router = router(&services, true).unwrap();
        assert_eq!(found(&router, "Other", "list"), Ok(("Other", 0)));
        assert_eq!(found(&router, "", "list"), Err(21));
    }

    #[test]
    fn senseless_settings_are_refused() {
        assert!(router(&[], false).is_err());
        assert!(router(&[("Catalog", &CATALOG), ("Catalog", &CATALOG)], true).is_err());
        let error = router(&[("Ordering", &ORDERING)], false).err().unwrap().to_string();
        assert_eq!(error, "no service has the blocking method `Catalog.list`");
    }

    #[test]
    fn one_slow_poll_is_forgiven_after_some_fast_ones() {
        let pace = Pace::default();
        pace.record(Duration::from_micros(200));
        assert!(pace.is_slow());
        (0..4).for_each(|_| pace.record(Duration::from_micros(1)));
        assert!(!pace.is_slow());
        (0..20).for_each(|_| pace.record(Duration::from_secs(100)));
        assert!(pace.is_slow());
    }
}
