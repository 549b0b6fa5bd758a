//! Which calls are taken: decided before anything of them is decoded, without a lock.
//!
//! A call has to be in time, must not have waited for too long, has to pass the rules that were added, and gets a
//! place among those under way. Whoever is refused is told that the call was not executed, so that it can safely go
//! elsewhere.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use volo_core::{
    Context, Error, ErrorKind, Origin, Retry,
    layers::Route,
    observe::{self, Event},
};

use crate::Limits;

/// A call that asks to be taken.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Arrival<'a> {
    /// Service, method, deadline, metainfo and peer; arguments are not decoded yet.
    pub context: &'a Context,
    /// When it came; earlier than now if it had to wait for others on its connection, or for a thread.
    pub arrived: Instant,
    /// The time, by the clock timers use.
    pub now: Instant,
}

/// A rule of one's own about which calls are taken; see [`Server::admission`](super::Server::admission).
///
/// It runs in the connection's task for each call, so it must neither block nor take long.
pub trait Admission: Send + Sync + 'static {
    /// Takes the call or refuses it.
    ///
    /// # Errors
    /// Why it is refused. The caller gets the text, and the kind if it is [`ErrorKind::Overloaded`],
    /// [`ErrorKind::Rejected`] or [`ErrorKind::Timeout`]; it may send the call again if [`Error::retry`] is
    /// [`Retry::Always`], which it is by default for an overload.
    fn admit(&self, arrival: &Arrival<'_>) -> Result<(), Error>;

    /// What its refusals are counted as.
    fn name(&self) -> &'static str {
        "rule"
    }
}

/// The one place through which all calls of a server pass.
pub(super) struct Gate {
    /// [`UNLIMITED`] is no limit.
    concurrency_max: AtomicUsize,
    /// In nanoseconds.
    queue_timeout_ns: AtomicU64,
    rules: Vec<Box<dyn Admission>>,
    running: AtomicUsize,
}

/// A number that nothing reaches.
const UNLIMITED: usize = usize::MAX;

impl Gate {
    pub(super) fn new(limits: &Limits, rules: Vec<Box<dyn Admission>>) -> Arc<Self> {
        let gate = Gate {
            concurrency_max: AtomicUsize::new(UNLIMITED),
            queue_timeout_ns: AtomicU64::new(u64::MAX),
            rules,
            running: AtomicUsize::new(0),
        };
        gate.configure(limits.concurrency_max, limits.queue_timeout);
        Arc::new(gate)
    }

    /// Changes the limits. Calls that came while there was none for their number are not counted.
    pub(super) fn configure(&self, concurrency_max: Option<usize>, queue_timeout: Option<Duration>) {
        let nanos = queue_timeout.and_then(|timeout| u64::try_from(timeout.as_nanos()).ok());
        self.concurrency_max.store(concurrency_max.unwrap_or(UNLIMITED), Ordering::Relaxed);
        self.queue_timeout_ns.store(nanos.unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Takes a call, which holds its place until the permit is dropped.
    ///
    /// # Errors
    /// Why it is not executed.
    pub(super) fn admit(self: &Arc<Self>, arrival: &Arrival<'_>) -> Result<Permit, Error> {
        let Arrival { context, arrived, now } = *arrival;
        let route = Route { service: &context.service, method: &context.method };
        self.check_time(route, context.deadline, arrived, now)?;
        for rule in &self.rules {
            rule.admit(arrival).inspect_err(|_| refused(route, rule.name()))?;
        }
        let max = self.concurrency_max.load(Ordering::Relaxed);
        if max == UNLIMITED {
            return Ok(Permit(None));
        }
        let permit = Permit(Some(self.clone()));
        if self.running.fetch_add(1, Ordering::Relaxed) < max {
            return Ok(permit);
        }
        refused(route, "concurrency");
        let text = format!("as many calls are under way as concurrency_max of {max} allows");
        Err(Error::new(ErrorKind::Overloaded, text))
    }

    /// Whether the call is still worth being started.
    ///
    /// # Errors
    /// Why it is not.
    pub(super) fn check_time(
        &self,
        route: Route<'_>,
        deadline: Option<Instant>,
        arrived: Instant,
        now: Instant,
    ) -> Result<(), Error> {
        let method = route.method;
        if deadline.is_some_and(|deadline| deadline <= now) {
            refused(route, "deadline");
            return Err(expired(method));
        }
        let max_ns = self.queue_timeout_ns.load(Ordering::Relaxed);
        if max_ns == u64::MAX {
            return Ok(());
        }
        let (waited, max) = (now.saturating_duration_since(arrived), Duration::from_nanos(max_ns));
        if waited <= max {
            return Ok(());
        }
        refused(route, "queue_time");
        let text = format!("call of {method} waited for {waited:?}, which passes queue_timeout of {max:?}");
        Err(Error::new(ErrorKind::Overloaded, text))
    }
}

#[cold]
fn refused(route: Route<'_>, rule: &'static str) {
    observe::tell(&Event::Refused { route, rule });
}

/// The error of a call that nobody waits for any more.
pub(super) fn expired(method: &str) -> Error {
    Error::timeout(format!("deadline of {method} passed before it was started"))
        .with_origin(Origin::Local)
        .with_retry(Retry::Always)
}

/// The place of a call among those under way.
#[derive(Default)]
pub(super) struct Permit(Option<Arc<Gate>>);

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(gate) = &self.0 {
            gate.running.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// A call that may have to wait for a thread; looked at once more when it gets one.
pub(super) struct Queued {
    pub(super) gate: Arc<Gate>,
    pub(super) route: Route<'static>,
    pub(super) deadline: Option<Instant>,
    pub(super) arrived: Instant,
}

impl Queued {
    /// Whether the call is still worth being started.
    ///
    /// # Errors
    /// Why it is not.
    pub(super) fn check(&self, now: Instant) -> Result<(), Error> {
        self.gate.check_time(self.route, self.deadline, self.arrived, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Never;

    impl Admission for Never {
        fn admit(&self, arrival: &Arrival<'_>) -> Result<(), Error> {
            Err(Error::new(ErrorKind::Rejected, format!("no {} today", arrival.context.method)))
        }
    }

    fn gate(set: impl FnOnce(&mut Limits), rules: Vec<Box<dyn Admission>>) -> Arc<Gate> {
        let mut limits = Limits::default();
        set(&mut limits);
        Gate::new(&limits, rules)
    }

    fn admit(gate: &Arc<Gate>, waited_ms: u64, left_ms: Option<u64>) -> Result<Permit, Error> {
        let arrived = Instant::now();
        let now = arrived + Duration::from_millis(waited_ms);
        let mut context = Context::new("Catalog", "list");
        context.deadline = left_ms.map(|left| now + Duration::from_millis(left));
        gate.admit(&Arrival { context: &context, arrived, now })
    }

    #[test]
    fn places_are_counted_and_come_back() {
        let gate = gate(|limits| limits.concurrency_max = Some(2), Vec::new());
        let (first, second) = (admit(&gate, 0, None).ok(), admit(&gate, 0, None).ok());
        assert!(first.is_some() && second.is_some());
        for _ in 0..3 {
            let error = admit(&gate, 0, None).err().unwrap();
            assert!(error.is_overloaded() && error.retry() == Retry::Always);
            assert_eq!(error.to_string(), "as many calls are under way as concurrency_max of 2 allows");
        }
        gate.configure(Some(3), None);
        assert!(admit(&gate, 0, None).is_ok());
        gate.configure(Some(2), None);
        drop(first);
        assert!(admit(&gate, 0, None).is_ok() && admit(&gate, 0, None).is_ok(), "each was dropped at once");
    }

    #[test]
    fn who_waited_too_long_or_is_too_late_takes_no_place() {
        let set = |limits: &mut Limits| {
            (limits.concurrency_max, limits.queue_timeout) = (Some(1), Some(Duration::from_millis(10)));
        };
        let gate = gate(set, Vec::new());
        assert!(admit(&gate, 9, Some(1)).is_ok() && admit(&gate, 10, Some(1)).is_ok());
        let waited = admit(&gate, 11, Some(1)).err().unwrap();
        let text = "call of list waited for 11ms, which passes queue_timeout of 10ms";
        assert!(waited.is_overloaded() && waited.to_string() == text, "{waited}");
        let late = admit(&gate, 0, Some(0)).err().unwrap();
        assert!(late.is_timeout() && late.retry() == Retry::Always);
        assert!(admit(&gate, 0, None).is_ok());
    }

    #[test]
    fn rules_are_asked_before_a_place_is_taken() {
        let gate = gate(|limits| limits.concurrency_max = Some(1), vec![Box::new(Never)]);
        for _ in 0..2 {
            assert_eq!(admit(&gate, 0, None).err().unwrap().to_string(), "no list today");
        }
        assert_eq!(gate.running.load(Ordering::Relaxed), 0);
    }
}
