//! Drives any system's asynchronous client: the same loop for all of them.

use std::{
    future::Future,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use tokio::task::{JoinSet, yield_now};

use super::{Clocks, Load, Outcome, Work, is_sleepy};

const WARM_UP: u8 = 0;
const MEASURED: u8 = 1;
const OVER: u8 = 2;
/// Calls under way at a fixed rate, above which no more are sent until some are answered.
const OPEN_MAX: usize = 2000;
/// How long calls under way may still take after a round.
const DRAIN: Duration = Duration::from_secs(20);

/// Runs a load; `call` makes the call with this number and checks its reply.
///
/// # Errors
/// The first failed call, or no call at all.
pub async fn drive<C, F>(load: &Load, call: C) -> Result<Outcome, String>
where
    C: Fn(u64) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<(), String>> + Send + 'static,
{
    let round = Arc::new(Round::default());
    let mut tasks = JoinSet::new();
    match load.rate {
        None => {
            for worker in 0..load.concurrency {
                let first = (worker as u64) << 32;
                tasks.spawn(closed(round.clone(), load.work, first, call.clone()));
            }
        }
        Some(rate) => {
            tasks.spawn(open(round.clone(), load.work, rate, call));
        }
    }
    tokio::time::sleep(load.warm_up).await;
    let begin = clocks(load)?;
    round.phase.store(MEASURED, Relaxed);
    tokio::time::sleep(load.duration).await;
    let end = clocks(load)?;
    round.phase.store(OVER, Relaxed);
    let all = async {
        while let Some(done) = tasks.join_next().await {
            done.map_err(|error| error.to_string())??;
        }
        Ok::<_, String>(())
    };
    tokio::time::timeout(DRAIN, all).await.map_err(|_| "calls hang".to_owned())??;
    let latencies = std::mem::take(&mut *round.latencies.lock().unwrap_or_else(|lock| lock.into_inner()));
    Outcome::new(latencies, round.calls.load(Relaxed), begin, end)
}

fn clocks(load: &Load) -> Result<Clocks, String> {
    Clocks::read(load.server).map_err(|error| format!("the server is gone: {error}"))
}

#[derive(Default)]
struct Round {
    phase: AtomicU8,
    under_way: AtomicUsize,
    calls: AtomicU64,
    latencies: Mutex<Vec<u32>>,
    fault: Mutex<Option<String>>,
}

impl Round {
    fn keep(&self, latencies: &[u32]) {
        self.latencies.lock().unwrap_or_else(|lock| lock.into_inner()).extend_from_slice(latencies);
    }
}

/// Call after call, until the round is over.
async fn closed<C, F>(round: Arc<Round>, work: Work, first: u64, call: C) -> Result<(), String>
where
    C: Fn(u64) -> F,
    F: Future<Output = Result<(), String>>,
{
    let mut latencies = Vec::with_capacity(1 << 14);
    connect(&call, first).await?;
    let mut start = Instant::now();
    for number in first.. {
        call(number).await?;
        let end = Instant::now();
        match round.phase.load(Relaxed) {
            WARM_UP => {}
            MEASURED if is_sleepy(work, number) => {}
            MEASURED => latencies.push(nanos(end - start)),
            _ => {
                round.calls.fetch_add(number - first + 1, Relaxed);
                break;
            }
        }
        start = end;
    }
    round.keep(&latencies);
    Ok(())
}

/// Makes a first call; on a busy machine, connecting may take more than one attempt.
async fn connect<C, F>(call: &C, first: u64) -> Result<(), String>
where
    C: Fn(u64) -> F,
    F: Future<Output = Result<(), String>>,
{
    const ATTEMPTS: u32 = 20;
    let mut result = call(first).await;
    for _ in 1..ATTEMPTS {
        if result.is_ok() {
            return result;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        result = call(first).await;
    }
    result
}

/// Calls at fixed moments, whether replies come or not. A latency counts from the moment its call was due, and every
/// call sent during the round counts, however late its reply.
async fn open<C, F>(round: Arc<Round>, work: Work, rate: f64, call: C) -> Result<(), String>
where
    C: Fn(u64) -> F,
    F: Future<Output = Result<(), String>> + Send + 'static,
{
    let start = Instant::now();
    for number in 0.. {
        let due = start + Duration::from_secs_f64(number as f64 / rate);
        // A timer would be too coarse; giving way lets the replies in.
        while Instant::now() < due || round.under_way.load(Relaxed) >= OPEN_MAX {
            if round.phase.load(Relaxed) == OVER {
                break;
            }
            yield_now().await;
        }
        if round.phase.load(Relaxed) == OVER {
            break;
        }
        round.under_way.fetch_add(1, Relaxed);
        round.calls.fetch_add(1, Relaxed);
        let measured = round.phase.load(Relaxed) == MEASURED && !is_sleepy(work, number);
        let (round, call) = (round.clone(), call(number));
        tokio::spawn(async move {
            let result = call.await;
            if measured {
                round.keep(&[nanos(due.elapsed())]);
            }
            round.under_way.fetch_sub(1, Relaxed);
            if let Err(error) = result {
                *round.fault.lock().unwrap_or_else(|lock| lock.into_inner()) = Some(error);
            }
        });
    }
    while round.under_way.load(Relaxed) > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    round.fault.lock().unwrap_or_else(|lock| lock.into_inner()).take().map_or(Ok(()), Err)
}

fn nanos(duration: Duration) -> u32 {
    u32::try_from(duration.as_nanos()).unwrap_or(u32::MAX)
}
