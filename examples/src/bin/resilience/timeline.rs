//! What happened when, and whether that is what was promised.

use std::{fmt, sync::Arc, time::Duration};

use tokio::time::{Instant, sleep_until};
use volo_core::balance::{Balancer, Endpoint};

use crate::load::{Load, Sample};

/// From so long after a fault on, calls succeed.
const SUCCEEDS_AFTER: Duration = Duration::from_secs(2);
const SUCCESS_MIN: f64 = 0.999;

/// From so long after a fault on, calls are as fast as usual.
const FAST_AFTER: Duration = Duration::from_secs(3);
const SLOWDOWN_MAX: f64 = 2.0;

/// How many calls the replicas get for one that is made.
const LOAD_MAX: f64 = 1.2;

/// A part of the run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Phase {
    name: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Usual,
    Fault,
    Healed,
}

impl Phase {
    /// Nothing is wrong; phases with a fault are compared to it.
    pub(crate) fn usual(name: &'static str) -> Self {
        Phase { name, kind: Kind::Usual }
    }

    /// Something breaks at its start.
    pub(crate) fn fault(name: &'static str) -> Self {
        Phase { name, kind: Kind::Fault }
    }

    /// What was broken is whole again; after two seconds it should be as usual.
    pub(crate) fn healed(name: &'static str) -> Self {
        Phase { name, kind: Kind::Healed }
    }
}

/// Follows the calls and prints a line every second.
pub(crate) struct Timeline {
    balancer: Arc<Balancer>,
    load: Load,
    start: Instant,
    phases: Vec<(Phase, Instant)>,
    samples: Vec<Sample>,
    attempts_before: u64,
}

impl Timeline {
    pub(crate) fn new(balancer: Arc<Balancer>, load: Load) -> Self {
        println!(
            "{:>4}  {:<16}{:>6}{:>8}{:>9}{:>9}  picks of each replica (its share)",
            "s", "phase", "calls", "failed", "p50", "p99"
        );
        let attempts_before = attempts(&balancer);
        Timeline {
            balancer,
            load,
            start: Instant::now(),
            phases: Vec::new(),
            samples: Vec::new(),
            attempts_before,
        }
    }

    /// Lets so much time pass.
    pub(crate) async fn run(&mut self, phase: Phase, lasts: Duration) {
        let start = Instant::now();
        self.phases.push((phase, start));
        let mut picks = self.picks();
        for second in 1..=lasts.as_secs() {
            sleep_until(start + Duration::from_secs(second)).await;
            let from = self.samples.len();
            self.collect();
            let before = std::mem::replace(&mut picks, self.picks());
            self.print(phase, &self.samples[from..], &before);
        }
    }

    /// Ends the load and judges it all. What is usual is what was before all faults; if not `strict`, it may also be
    /// what was between them, on a machine that has other things to do now and then.
    pub(crate) fn finish(mut self, end: Instant, strict: bool) -> Verdict {
        self.load.stop();
        self.collect();
        let mut faults = Vec::new();
        let mut usual = Duration::ZERO;
        for (index, (phase, start)) in self.phases.iter().enumerate() {
            let end = self.phases.get(index + 1).map_or(end, |(_, next)| *next);
            let after = |wait| self.samples.iter().filter(move |it| it.due >= *start + wait && it.due < end);
            match phase.kind {
                Kind::Usual => usual = usual.max(percentile(after(Duration::ZERO), 99)),
                Kind::Healed if strict => {}
                Kind::Healed => usual = usual.max(percentile(after(SUCCEEDS_AFTER), 99)),
                Kind::Fault => faults.push(Fault {
                    name: phase.name,
                    calls: after(SUCCEEDS_AFTER).count(),
                    failed: after(SUCCEEDS_AFTER).filter(|it| !it.succeeded).count(),
                    p99: percentile(after(FAST_AFTER), 99),
                }),
            }
        }
        let attempts = attempts(&self.balancer) - self.attempts_before;
        Verdict { usual, faults, calls: self.samples.len(), attempts }
    }

    fn collect(&mut self) {
        while let Ok(sample) = self.load.samples.try_recv() {
            self.samples.push(sample);
        }
    }

    fn picks(&self) -> Vec<u64> {
        self.balancer.snapshot().endpoints().iter().map(|endpoint| endpoint.picks()).collect()
    }

    fn print(&self, phase: Phase, samples: &[Sample], picks_before: &[u64]) {
        let failed = samples.iter().filter(|sample| !sample.succeeded).count();
        let (p50, p99) = (percentile(samples.iter(), 50), percentile(samples.iter(), 99));
        let replicas: Vec<String> = self
            .balancer
            .snapshot()
            .endpoints()
            .iter()
            .zip(picks_before)
            .map(|(endpoint, before)| format!("{:>5} {}", endpoint.picks() - before, share(endpoint)))
            .collect();
        println!(
            "{:>4}  {:<16}{:>6}{failed:>8}{:>9}{:>9}  {}",
            self.start.elapsed().as_secs(),
            phase.name,
            samples.len(),
            millis(p50),
            millis(p99),
            replicas.join("  "),
        );
    }
}

fn attempts(balancer: &Balancer) -> u64 {
    balancer.snapshot().endpoints().iter().map(|endpoint| endpoint.picks()).sum()
}

fn share(endpoint: &Endpoint) -> String {
    let percent = format!("({:.0} %)", endpoint.share() * 100.0);
    format!("{:<8}", if endpoint.is_ejected() { "(out)".to_owned() } else { percent })
}

/// So many percent of the calls take no longer; 0 without calls. Failed calls took as long as they took.
fn percentile<'a>(samples: impl Iterator<Item = &'a Sample>, percent: usize) -> Duration {
    let mut took: Vec<Duration> = samples.map(|sample| sample.took).collect();
    took.sort_unstable();
    let rank = (took.len() * percent).div_ceil(100);
    rank.checked_sub(1).map_or(Duration::ZERO, |index| took[index])
}

fn millis(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1000.0)
}

/// What was promised, and what happened.
#[derive(Debug)]
pub(crate) struct Verdict {
    usual: Duration,
    faults: Vec<Fault>,
    calls: usize,
    attempts: u64,
}

#[derive(Debug)]
struct Fault {
    name: &'static str,
    calls: usize,
    failed: usize,
    p99: Duration,
}

impl Fault {
    fn success(&self) -> f64 {
        1.0 - self.failed as f64 / self.calls.max(1) as f64
    }
}

impl Verdict {
    /// Whether all promises were kept; without calls none is.
    pub(crate) fn holds(&self) -> bool {
        let kept = |fault: &Fault| {
            fault.calls > 0 && fault.success() >= SUCCESS_MIN && self.slowdown(fault) < SLOWDOWN_MAX
        };
        !self.faults.is_empty() && self.faults.iter().all(kept) && self.load() <= LOAD_MAX
    }

    fn slowdown(&self, fault: &Fault) -> f64 {
        fault.p99.as_secs_f64() / self.usual.as_secs_f64()
    }

    fn load(&self) -> f64 {
        self.attempts as f64 / self.calls as f64
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "usually, 99 % of the calls take at most {}", millis(self.usual))?;
        for fault in &self.faults {
            writeln!(
                f,
                "{}: {:.2} % of {} calls succeed after {} s (promised {:.1} %); 99 % take at most {} after {} s, {:.2} × \
                 the usual (promised < {SLOWDOWN_MAX})",
                fault.name,
                fault.success() * 100.0,
                fault.calls,
                SUCCEEDS_AFTER.as_secs(),
                SUCCESS_MIN * 100.0,
                millis(fault.p99),
                FAST_AFTER.as_secs(),
                self.slowdown(fault),
            )?;
        }
        let (load, calls, attempts) = (self.load(), self.calls, self.attempts);
        writeln!(f, "the replicas got {attempts} calls for {calls}: {load:.3} × (promised ≤ {LOAD_MAX})")?;
        write!(f, "{}", if self.holds() { "all promises are kept" } else { "A PROMISE IS BROKEN" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(failed: usize, p99_ms: u64, attempts: u64) -> Verdict {
        let fault = Fault { name: "a fault", calls: 10_000, failed, p99: Duration::from_millis(p99_ms) };
        Verdict { usual: Duration::from_millis(20), faults: vec![fault], calls: 20_000, attempts }
    }

    #[test]
    fn each_promise_counts() {
        assert!(verdict(10, 39, 24_000).holds());
        assert!(!verdict(11, 39, 24_000).holds());
        assert!(!verdict(10, 40, 24_000).holds());
        assert!(!verdict(10, 39, 24_001).holds());
        assert!(!Verdict { calls: 0, faults: Vec::new(), ..verdict(0, 1, 1) }.holds());
    }

    #[test]
    fn percentiles_are_values_that_occurred() {
        let due = Instant::now();
        let sample = |ms| Sample { due, took: Duration::from_millis(ms), succeeded: true };
        let samples: Vec<Sample> = (1..=200).rev().map(sample).collect();
        assert_eq!(percentile(samples.iter(), 99), Duration::from_millis(198));
        assert_eq!(percentile(samples.iter(), 50), Duration::from_millis(100));
        assert_eq!(percentile(samples[..1].iter(), 99), Duration::from_millis(200));
        assert_eq!(percentile([].iter(), 99), Duration::ZERO);
    }
}
