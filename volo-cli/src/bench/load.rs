//! Puts a server under load for a while.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use tokio::{
    sync::{Notify, Semaphore},
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

use super::{
    environment,
    figures::{Load, Point},
    record::{Measured, Recorder, Split},
};

/// Calls that were never sent because all callers were busy.
pub(super) const UNSENT: &str = "UNSENT";

/// How much later than asked a thread wakes up, about.
const OVERSLEPT: Duration = Duration::from_micros(55);

/// A run's intervals, at most.
const POINTS_MAX: u32 = 60;

/// How long calls that became due just before the end may take to be sent.
const GRACE: Duration = Duration::from_millis(50);

/// Calls that are let go at once, at most.
const MORE_MAX: usize = 1 << 40;

/// Of calls that were never sent, so many are noted one by one; beyond that each stands for several.
const UNSENT_NOTED_MAX: u64 = 10_000;

/// How a call ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Done {
    pub(crate) at: Instant,
    /// In a word, if it failed.
    pub(crate) error: Option<&'static str>,
    /// It is known to take at least as long as it did.
    pub(crate) timed_out: bool,
    pub(crate) split: Split,
    /// The reply was decoded, and how long that took after `at`.
    pub(crate) decoded: Option<Duration>,
}

/// Ends everything early.
#[derive(Debug, Default)]
pub(crate) struct Stop {
    pulled: AtomicBool,
    notify: Notify,
}

impl Stop {
    pub(crate) fn pull(&self) {
        self.pulled.store(true, Ordering::Relaxed);
        self.notify.notify_waiters();
        self.notify.notify_one();
    }

    pub(crate) fn is_pulled(&self) -> bool {
        self.pulled.load(Ordering::Relaxed)
    }

    async fn wait(&self) {
        if !self.is_pulled() {
            self.notify.notified().await;
        }
    }
}

/// When a run begins to count, and for how long.
pub(super) struct Spec {
    pub(super) warm_up: Duration,
    pub(super) duration: Duration,
    /// What times of points are relative to.
    pub(super) origin: Instant,
    pub(super) repeat: u32,
}

/// What callers share.
struct Run {
    /// Calls that were meant to be sent before are not counted.
    measure_from: Instant,
    end: Instant,
    over: AtomicBool,
    made: AtomicU64,
    shards: Vec<Mutex<Recorder>>,
}

impl Run {
    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed) || Instant::now() >= self.end
    }

    /// Notes a call of a caller; gives its latency.
    fn note(
        &self,
        caller: usize,
        times: (Instant, Instant),
        done: &Done,
        before: Option<u64>,
    ) -> Option<u64> {
        if times.0 < self.measure_from {
            return None;
        }
        lock(&self.shards[caller % self.shards.len()]).note(times.0, times.1, done, before)
    }
}

fn lock(recorder: &Mutex<Recorder>) -> std::sync::MutexGuard<'_, Recorder> {
    recorder.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One run: warms up, measures, and waits for the calls that are under way.
pub(super) async fn run<M, F>(
    load: &Load,
    spec: &Spec,
    stop: &Stop,
    make: M,
    mut seen: impl FnMut(&Point),
) -> Measured
where
    M: Fn(u64) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Done> + Send + 'static,
{
    let start = Instant::now();
    let measure_from = start + spec.warm_up;
    let shards = thread::available_parallelism().map_or(2, |count| count.get() * 2).min(16);
    let run = Arc::new(Run {
        measure_from,
        end: measure_from + spec.duration,
        over: AtomicBool::new(false),
        made: AtomicU64::new(0),
        shards: (0..shards).map(|_| Mutex::new(Recorder::new())).collect(),
    });
    let mut callers = JoinSet::new();
    let schedule = match *load {
        Load::Closed { callers: count } => {
            (0..count).for_each(|caller| drop(callers.spawn(closed(run.clone(), caller, make.clone()))));
            None
        }
        Load::Open { rate, in_flight_max } => {
            let schedule = Arc::new(Schedule::new(start, rate));
            for caller in 0..in_flight_max {
                callers.spawn(open(run.clone(), schedule.clone(), caller, make.clone()));
            }
            let pacer = (run.clone(), schedule.clone());
            Some((schedule, tokio::task::spawn_blocking(move || pacer.1.pace(&pacer.0))))
        }
    };

    let mut sampler = Sampler::new(&run, spec);
    let mut ticks = interval((spec.duration / POINTS_MAX).max(Duration::from_millis(100)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => if let Some(point) = sampler.sample(&run) { seen(point) },
            () = stop.wait(), if !run.over.load(Ordering::Relaxed) => {
                run.over.store(true, Ordering::Relaxed);
                callers.abort_all();
            }
            joined = callers.join_next() => if joined.is_none() { break },
        }
    }
    let mut ended = Instant::now().min(run.end);
    run.over.store(true, Ordering::Relaxed);
    if let Some((schedule, pacer)) = schedule
        && let Ok((due, until)) = pacer.await
    {
        ended = until;
        schedule.note_unsent(&run, due, ended);
    }
    sampler.finish(&run, ended)
}

async fn closed<M, F>(run: Arc<Run>, caller: usize, make: M)
where
    M: Fn(u64) -> F,
    F: Future<Output = Done>,
{
    let mut before = None;
    while !run.is_over() {
        let call = make(run.made.fetch_add(1, Ordering::Relaxed));
        let sent = Instant::now();
        let done = call.await;
        before = run.note(caller, (sent, sent), &done, before);
        // A call that never has to wait gives nobody else a turn.
        tokio::task::coop::consume_budget().await;
    }
}

async fn open<M, F>(run: Arc<Run>, schedule: Arc<Schedule>, caller: usize, make: M)
where
    M: Fn(u64) -> F,
    F: Future<Output = Done>,
{
    let mut before = None;
    loop {
        let call = make(run.made.fetch_add(1, Ordering::Relaxed));
        let Some(intended) = schedule.next().await else { return };
        let sent = Instant::now();
        let done = call.await;
        before = run.note(caller, (intended, sent), &done, before);
    }
}

/// When which call of an open loop is due.
struct Schedule {
    start: Instant,
    rate: f64,
    due: Semaphore,
    taken: AtomicU64,
}

impl Schedule {
    fn new(start: Instant, rate: f64) -> Self {
        Schedule { start, rate, due: Semaphore::new(0), taken: AtomicU64::new(0) }
    }

    fn time_of(&self, number: u64) -> Instant {
        self.start + Duration::from_secs_f64(number as f64 / self.rate)
    }

    /// Waits until the next call is due: when it was, or `None` if there are no more.
    async fn next(&self) -> Option<Instant> {
        self.due.acquire().await.ok()?.forget();
        Some(self.time_of(self.taken.fetch_add(1, Ordering::Relaxed)))
    }

    /// Lets calls go when they are due, until the end; gives how many were due, and until when calls were sent.
    ///
    /// A thread of its own: timers of the runtime are a millisecond apart.
    fn pace(&self, run: &Run) -> (u64, Instant) {
        let mut released = 0;
        while !run.is_over() {
            let due = (self.start.elapsed().as_secs_f64() * self.rate) as u64 + 1;
            if due > released {
                let more = usize::try_from(due - released).unwrap_or(MORE_MAX);
                self.due.add_permits(more.min(MORE_MAX));
                released = due;
            }
            let next = self.time_of(released).min(run.end);
            let left = next.saturating_duration_since(Instant::now()).min(Duration::from_millis(50));
            match left.checked_sub(OVERSLEPT) {
                Some(ahead) => {
                    thread::sleep(ahead);
                    while Instant::now() < next && left < Duration::from_millis(50) {
                        thread::yield_now();
                    }
                }
                // Too close to be met: they go in batches.
                None => thread::sleep(left),
            }
        }
        // Those that became due since count as well, however late this thread is.
        let ended = Instant::now().min(run.end);
        let all = (ended.saturating_duration_since(self.start).as_secs_f64() * self.rate).round() as u64;
        let more = usize::try_from(all.saturating_sub(released)).unwrap_or_default();
        self.due.add_permits(more.min(MORE_MAX));
        let due = released.max(all);
        let begun = Instant::now();
        let backlog = || self.taken.load(Ordering::Relaxed) < due;
        while backlog() && begun.elapsed() < GRACE {
            thread::sleep(Duration::from_millis(1));
        }
        // What is sent late is part of a longer run.
        let ended = if backlog() { Instant::now() } else { ended };
        self.due.close();
        (due, ended)
    }

    /// Calls that were due but not sent have waited until now at least.
    fn note_unsent(&self, run: &Run, released: u64, ended: Instant) {
        let taken = self.taken.load(Ordering::Relaxed);
        let first = (run.measure_from.saturating_duration_since(self.start).as_secs_f64() * self.rate).ceil();
        let first = taken.max(first as u64);
        let count = released.saturating_sub(first);
        let stride = count.div_ceil(UNSENT_NOTED_MAX).max(1);
        let mut recorder = lock(&run.shards[0]);
        let mut number = first;
        while number < released {
            let stands_for = stride.min(released - number);
            let waited = ended.saturating_duration_since(self.time_of(number));
            let waited = super::record::nanos(waited);
            recorder.latency.saturating_record_n(waited, stands_for);
            number += stands_for;
        }
        if count > 0 {
            *recorder.errors.entry(UNSENT).or_default() += count;
        }
    }
}

/// Takes from the callers what they noted, again and again.
struct Sampler {
    repeat: u32,
    origin: Instant,
    measure_from: Instant,
    cpu_from: Option<f64>,
    last: Instant,
    spare: VecDeque<Recorder>,
    interval: Recorder,
    measured: Measured,
}

impl Sampler {
    fn new(run: &Run, spec: &Spec) -> Self {
        let measured = Measured { all: Recorder::new(), seconds: 0.0, cpu_s: None, points: Vec::new() };
        Sampler {
            repeat: spec.repeat,
            origin: spec.origin,
            measure_from: run.measure_from,
            cpu_from: None,
            last: run.measure_from,
            spare: run.shards.iter().map(|_| Recorder::new()).collect(),
            interval: Recorder::new(),
            measured,
        }
    }

    /// Closes an interval; `None` during the warm-up.
    fn sample(&mut self, run: &Run) -> Option<&Point> {
        let now = Instant::now();
        if now < self.measure_from {
            return None;
        }
        if self.cpu_from.is_none() {
            self.cpu_from = environment::cpu_s();
        }
        // Calls under way at the end belong to the last interval.
        let until = now.min(run.end);
        let seconds = until.saturating_duration_since(self.last).as_secs_f64();
        if seconds < 0.05 {
            return None;
        }
        self.drain(run);
        let at_s = self.last.saturating_duration_since(self.origin).as_secs_f64() + seconds / 2.0;
        self.measured.points.push(self.interval.point(self.repeat, at_s, seconds));
        self.measured.all.add(&self.interval);
        self.interval.clear();
        self.last = until;
        self.measured.points.last()
    }

    fn drain(&mut self, run: &Run) {
        for shard in &run.shards {
            let Some(mut spare) = self.spare.pop_front() else { continue };
            std::mem::swap(&mut *lock(shard), &mut spare);
            self.interval.add(&spare);
            spare.clear();
            self.spare.push_back(spare);
        }
    }

    fn finish(mut self, run: &Run, ended: Instant) -> Measured {
        self.sample(run);
        self.drain(run);
        self.measured.all.add(&self.interval);
        self.measured.seconds = ended.saturating_duration_since(self.measure_from).as_secs_f64();
        self.measured.cpu_s = environment::cpu_s().zip(self.cpu_from).map(|(now, from)| now - from);
        self.measured
    }
}
