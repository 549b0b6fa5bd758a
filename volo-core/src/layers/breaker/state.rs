//! One circuit: pure, it is told what happens and when.
//!
//! Closed, it counts. When too much fails it opens and refuses all calls for a while. Then it is half open: it admits a
//! few probes; if they succeed it closes, if one fails it opens again. What was admitted before the state changed is
//! not counted after it, and a call that is given up counts as nothing.

use std::time::{Duration, Instant};

use super::window::{Counts, Window};

/// When a circuit opens and closes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BreakerConfig {
    /// Whether it ever opens by itself.
    pub enabled: bool,
    /// How far back calls are counted.
    pub window: Duration,
    /// Below so many calls in the window it stays closed.
    pub samples_min: u32,
    /// It opens when so many percent of the calls failed.
    pub failure_percent: u32,
    /// It opens when so many calls failed, whatever their share; `None` never.
    pub failures_max: Option<u32>,
    /// How long a call takes at least to be slow; `None` is to tell no call slow.
    pub slow_call: Option<Duration>,
    /// It opens when so many percent of the calls were slow.
    pub slow_percent: u32,
    /// How long it stays open.
    pub open_time: Duration,
    /// How many calls it admits half open, and how many have to succeed.
    pub probes: u32,
    /// Whether it is held open (`true`) or closed (`false`), whatever its calls do; `None` lets it decide.
    pub forced_open: Option<bool>,
}

/// Half of at least 200 calls in ten seconds; open for five.
impl Default for BreakerConfig {
    fn default() -> Self {
        BreakerConfig {
            enabled: true,
            window: Duration::from_secs(10),
            samples_min: 200,
            failure_percent: 50,
            failures_max: None,
            slow_call: None,
            slow_percent: 80,
            open_time: Duration::from_secs(5),
            probes: 3,
            forced_open: None,
        }
    }
}

impl BreakerConfig {
    /// Admits every call.
    pub fn never() -> Self {
        BreakerConfig { enabled: false, ..BreakerConfig::default() }
    }
}

/// What a circuit does with calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// It admits them.
    Closed,
    /// It refuses them.
    Open,
    /// It admits a few.
    HalfOpen,
}

/// One circuit.
#[derive(Debug)]
pub(super) struct Circuit {
    config: BreakerConfig,
    window: Window,
    phase: Phase,
    /// Counts the changes of phase.
    generation: u32,
    forced: Option<bool>,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    Closed,
    Open { until: Instant },
    HalfOpen { running: u32, succeeded: u32 },
}

/// That a call was admitted, and in which phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Permit {
    pub(super) generation: u32,
}

/// How an admitted call ended, as far as its circuit cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Succeeded,
    Failed,
    /// It was given up, or failed for other reasons.
    Nothing,
}

impl Circuit {
    pub(super) fn new(config: BreakerConfig) -> Self {
        let window = Window::new(config.window);
        Circuit { config, window, phase: Phase::Closed, generation: 0, forced: None }
    }

    /// Admits a call, or says when to try again.
    pub(super) fn admit(&mut self, now: Instant) -> Result<Permit, Option<Instant>> {
        match self.forced() {
            Some(true) => return Err(None),
            Some(false) => return Ok(self.permit()),
            None => {}
        }
        if let Phase::Open { until } = self.phase {
            if now < until {
                return Err(Some(until));
            }
            self.enter(Phase::HalfOpen { running: 0, succeeded: 0 });
        }
        if let Phase::HalfOpen { running, succeeded } = &mut self.phase {
            if *running + *succeeded >= self.config.probes.max(1) {
                return Err(None);
            }
            *running += 1;
        }
        Ok(self.permit())
    }

    /// Takes note of how a call ended that was admitted.
    pub(super) fn end(&mut self, permit: Permit, ending: Ending, duration: Duration, now: Instant) {
        if permit.generation != self.generation || self.forced().is_some() {
            return;
        }
        let slow = self.config.slow_call.is_some_and(|limit| duration >= limit);
        match &mut self.phase {
            Phase::Open { .. } => {}
            Phase::Closed if ending == Ending::Nothing => {}
            Phase::Closed => {
                let counts = self.window.add(ending == Ending::Failed, slow, now);
                if self.config.enabled && self.is_too_much(counts) {
                    self.open(now);
                }
            }
            Phase::HalfOpen { running, succeeded } => {
                *running = running.saturating_sub(1);
                match ending {
                    Ending::Nothing => {}
                    Ending::Succeeded if !slow => {
                        *succeeded += 1;
                        if *succeeded >= self.config.probes.max(1) {
                            self.enter(Phase::Closed);
                        }
                    }
                    Ending::Succeeded | Ending::Failed => self.open(now),
                }
            }
        }
    }

    /// Takes note of calls that succeeded in the phase under way, before whatever is told next.
    pub(super) fn end_successes(&mut self, count: u32) {
        if matches!(self.phase, Phase::Closed) && self.forced().is_none() {
            self.window.add_successes(count);
        }
    }

    /// The phase's number and until when successes of calls need only be counted to be told later, if that is so.
    pub(super) fn quick(&self) -> Option<(u32, Instant)> {
        let quick = self.config.slow_call.is_none() && self.forced().is_none();
        Some((self.free_generation().filter(|_| quick)?, self.window.slice_end()?))
    }

    pub(super) fn state(&self) -> BreakerState {
        match (self.forced(), self.phase) {
            (Some(true), _) | (None, Phase::Open { .. }) => BreakerState::Open,
            (Some(false), _) | (None, Phase::Closed) => BreakerState::Closed,
            (None, Phase::HalfOpen { .. }) => BreakerState::HalfOpen,
        }
    }

    /// The phase's number.
    pub(super) fn generation(&self) -> u32 {
        self.generation
    }

    /// The phase's number, if all calls are admitted in it.
    pub(super) fn free_generation(&self) -> Option<u32> {
        (self.state() == BreakerState::Closed).then_some(self.generation)
    }

    /// Opens or closes it whatever happens, or lets it decide by itself again, from the beginning.
    pub(super) fn force(&mut self, open: Option<bool>) {
        self.forced = open;
        self.enter(Phase::Closed);
    }

    /// What counted so far still does, unless the window has another length.
    pub(super) fn configure(&mut self, config: BreakerConfig) {
        if config.window != self.config.window {
            self.window = Window::new(config.window);
        }
        if !config.enabled || config.forced_open != self.config.forced_open {
            self.enter(Phase::Closed);
        }
        self.config = config;
    }

    /// What it is told to be: by hand, or else by its settings.
    fn forced(&self) -> Option<bool> {
        self.forced.or(self.config.forced_open)
    }

    fn is_too_much(&self, counts: Counts) -> bool {
        let config = &self.config;
        let reaches =
            |part: u32, percent: u32| u64::from(part) * 100 >= u64::from(counts.calls) * u64::from(percent);
        if counts.failures > 0 && config.failures_max.is_some_and(|max| counts.failures >= max) {
            return true;
        }
        counts.calls >= config.samples_min
            && ((counts.failures > 0 && reaches(counts.failures, config.failure_percent))
                || (counts.slow > 0 && reaches(counts.slow, config.slow_percent)))
    }

    fn open(&mut self, now: Instant) {
        let century = Duration::from_secs(100 * 365 * 24 * 3600);
        let until = now + self.config.open_time.min(century);
        self.enter(Phase::Open { until });
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.generation = self.generation.wrapping_add(1);
        self.window.clear();
    }

    fn permit(&self) -> Permit {
        Permit { generation: self.generation }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::dice::Dice;

    const MS: Duration = Duration::from_millis(1);

    fn config() -> BreakerConfig {
        BreakerConfig { samples_min: 10, open_time: MS * 1000, ..BreakerConfig::default() }
    }

    fn run(circuit: &mut Circuit, ending: Ending, now: Instant) -> bool {
        let permit = circuit.admit(now);
        permit.map(|permit| circuit.end(permit, ending, MS, now)).is_ok()
    }

    #[test]
    fn it_opens_probes_and_closes() {
        let (mut circuit, start) = (Circuit::new(config()), Instant::now());
        for _ in 0..5 {
            assert!(run(&mut circuit, Ending::Succeeded, start));
            assert_eq!(circuit.state(), BreakerState::Closed);
            assert!(run(&mut circuit, Ending::Failed, start));
        }
        assert_eq!(circuit.admit(start), Err(Some(start + MS * 1000)));
        let later = start + MS * 1000;
        let probes: Vec<_> = (0..3).map(|_| circuit.admit(later).unwrap()).collect();
        assert_eq!(circuit.admit(later), Err(None));
        // A probe that is given up makes room for another.
        circuit.end(probes[0], Ending::Nothing, MS, later);
        let another = circuit.admit(later).unwrap();
        for probe in [probes[1], probes[2], another] {
            assert_eq!(circuit.state(), BreakerState::HalfOpen);
            circuit.end(probe, Ending::Succeeded, MS, later);
        }
        assert_eq!(circuit.state(), BreakerState::Closed);
    }

    #[test]
    fn a_failed_probe_opens_it_again_and_late_results_count_nothing() {
        let (mut circuit, start) = (Circuit::new(config()), Instant::now());
        let early = circuit.admit(start).unwrap();
        (0..10).for_each(|_| assert!(run(&mut circuit, Ending::Failed, start)));
        let later = start + MS * 1500;
        let probes: Vec<_> = (0..2).map(|_| circuit.admit(later).unwrap()).collect();
        circuit.end(early, Ending::Failed, MS, later);
        assert_eq!(circuit.state(), BreakerState::HalfOpen);
        circuit.end(probes[0], Ending::Failed, MS, later);
        assert_eq!(circuit.admit(later), Err(Some(later + MS * 1000)));
        circuit.end(probes[1], Ending::Succeeded, MS, later);
        assert_eq!(circuit.state(), BreakerState::Open);
    }

    #[test]
    fn counts_and_slow_calls_open_it_too() {
        let now = Instant::now();
        let mut by_count = Circuit::new(BreakerConfig { failures_max: Some(3), ..config() });
        (0..3).for_each(|_| assert!(run(&mut by_count, Ending::Failed, now)));
        assert!(!run(&mut by_count, Ending::Succeeded, now));

        let mut by_time = Circuit::new(BreakerConfig { slow_call: Some(MS), ..config() });
        (0..10).for_each(|_| assert!(run(&mut by_time, Ending::Succeeded, now)));
        assert_eq!(by_time.state(), BreakerState::Open);

        let mut disabled = Circuit::new(BreakerConfig { enabled: false, ..config() });
        (0..100).for_each(|_| assert!(run(&mut disabled, Ending::Failed, now)));
    }

    #[test]
    fn it_obeys_and_starts_afresh() {
        let (mut circuit, now) = (Circuit::new(config()), Instant::now());
        circuit.force(Some(true));
        assert_eq!((circuit.admit(now), circuit.state()), (Err(None), BreakerState::Open));
        circuit.force(Some(false));
        (0..100).for_each(|_| assert!(run(&mut circuit, Ending::Failed, now)));
        circuit.force(None);
        (0..9).for_each(|_| assert!(run(&mut circuit, Ending::Failed, now)));
        assert_eq!(circuit.state(), BreakerState::Closed);
        assert!(run(&mut circuit, Ending::Failed, now));
        assert_eq!(circuit.state(), BreakerState::Open);
        circuit.configure(BreakerConfig { enabled: false, ..config() });
        assert!(run(&mut circuit, Ending::Failed, now));
        circuit.configure(BreakerConfig { forced_open: Some(true), ..config() });
        assert_eq!((circuit.admit(now), circuit.state()), (Err(None), BreakerState::Open));
        circuit.force(Some(false));
        assert!(run(&mut circuit, Ending::Failed, now), "the hand has the last word");
        circuit.force(None);
        circuit.configure(config());
        assert!(run(&mut circuit, Ending::Failed, now));
    }

    /// The plainest circuit there can be, beside ours in random histories.
    #[test]
    fn it_does_what_its_description_says() {
        for seed in 0..2_000 {
            let dice = Dice::seeded(seed);
            let config = BreakerConfig {
                samples_min: 1 + dice.below(8) as u32,
                failure_percent: 10 + dice.below(90) as u32,
                failures_max: dice.percent(30).then(|| 1 + dice.below(8) as u32),
                open_time: MS * 100,
                probes: dice.below(4) as u32,
                window: Duration::from_secs(3600),
                ..BreakerConfig::default()
            };
            let probes = config.probes.max(1);
            let mut circuit = Circuit::new(config.clone());
            let mut now = Instant::now();
            let (mut running, mut counted, mut open_until) = (Vec::new(), Vec::new(), None);
            for _ in 0..300 {
                now += MS * dice.below(20) as u32;
                let before = circuit.state();
                if dice.percent(50) || running.is_empty() {
                    let admitted = circuit.admit(now);
                    let of_generation = |running: &Vec<Permit>, circuit: &Circuit| {
                        running.iter().filter(|permit| permit.generation == circuit.generation).count() as u32
                    };
                    match (before, admitted) {
                        (BreakerState::Closed, admitted) => assert!(admitted.is_ok()),
                        (BreakerState::Open, admitted) => {
                            assert_eq!(admitted.is_ok(), Some(now) >= open_until)
                        }
                        (BreakerState::HalfOpen, Ok(_)) => {
                            assert!(of_generation(&running, &circuit) + counted.len() as u32 <= probes);
                        }
                        (BreakerState::HalfOpen, Err(_)) => {
                            assert_eq!(of_generation(&running, &circuit) + counted.len() as u32, probes);
                        }
                    }
                    running.extend(admitted);
                } else {
                    let permit = running.swap_remove(dice.below(running.len() as u64) as usize);
                    let ending = [Ending::Succeeded, Ending::Failed, Ending::Nothing][dice.below(3) as usize];
                    let counts = permit.generation == circuit.generation && ending != Ending::Nothing;
                    circuit.end(permit, ending, MS, now);
                    if counts {
                        counted.push(ending == Ending::Failed);
                    }
                }
                let after = circuit.state();
                if after == before {
                    continue;
                }
                let failures = counted.iter().filter(|failed| **failed).count() as u32;
                match (before, after) {
                    (BreakerState::Closed, BreakerState::Open) => {
                        let rate = counted.len() as u32 >= config.samples_min
                            && failures * 100 >= counted.len() as u32 * config.failure_percent;
                        assert!(rate || config.failures_max.is_some_and(|max| failures >= max));
                    }
                    (BreakerState::HalfOpen, BreakerState::Open) => assert_eq!(failures, 1),
                    (BreakerState::HalfOpen, BreakerState::Closed) => {
                        assert_eq!((failures, counted.len() as u32), (0, probes));
                    }
                    (before, after) => {
                        assert_eq!((before, after), (BreakerState::Open, BreakerState::HalfOpen))
                    }
                }
                counted.clear();
                open_until = (after == BreakerState::Open).then(|| now + MS * 100);
            }
        }
    }
}
