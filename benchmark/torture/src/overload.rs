//! Three times as many calls as a server can serve: it serves about as many as ever, and refuses the rest at once.
//!
//! The server's capacity is set, not measured from its processor: so many handlers at a time, which just sleep.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use tokio::task::JoinSet;
use volo_core::BoxError;
use volo_thrift::{ClientBuilder, ClientError, client::Governance};

use crate::{idl::TortureServiceClient, process::Server, report::Report};

/// Handlers at a time, and how long each one sleeps.
const CONCURRENCY: u64 = 20;
const SLEEP_MS: i32 = 10;

/// Calls offered, in capacities.
const OFFERED: f64 = 3.0;

#[derive(Default)]
struct Tally {
    served: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
    refusals_us: AtomicU64,
}

/// Runs the suite with so many seconds of overload.
pub async fn run(seconds: u64, report: &mut Report) -> Result<(), BoxError> {
    let time = Duration::from_secs(seconds.max(1));
    let mut server = Server::start(&[&format!("concurrency={CONCURRENCY}")])?;
    let client: TortureServiceClient = ClientBuilder::new("torture")
        .governance(Governance::none())
        .address(server.address)
        .rpc_timeout(Duration::from_millis(200))
        .connect_timeout(Duration::from_secs(2))
        .mux(2)
        .build();
    let peak = peak(&client, Duration::from_secs(2)).await;
    let tally = Arc::new(Tally::default());
    let offered = overload(&client, peak * OFFERED, time, &tally).await;
    let ended = Instant::now();
    while client.later(1, SLEEP_MS).await.is_err() && ended.elapsed() < Duration::from_secs(10) {}
    let (recovery, meter) = (ended.elapsed(), server.meter()?);
    let (served, refused) = (tally.served.load(Relaxed), tally.refused.load(Relaxed));
    report.tell("overload", "peak, calls/s", peak);
    report.at_least("overload", "offered, of the peak", offered / peak, OFFERED * 0.9);
    report.at_least("overload", "goodput, of the peak", served as f64 / time.as_secs_f64() / peak, 0.8);
    report.at_least("overload", "calls refused", refused, 1);
    report.tell(
        "overload",
        "mean time of a refusal, ms",
        tally.refusals_us.load(Relaxed) as f64 / 1000.0 / refused.max(1) as f64,
    );
    report.tell("overload", "calls that failed otherwise", tally.failed.load(Relaxed));
    report.equal("overload", "expired calls executed", meter.expired, 0);
    report.at_most("overload", "recovery, ms", recovery, Duration::from_secs(2));
    report.equal("overload", "panics", meter.panics, 0);
    Ok(())
}

/// Calls per second when there are never more than can be served.
async fn peak(client: &TortureServiceClient, time: Duration) -> f64 {
    let (start, mut workers) = (Instant::now(), JoinSet::new());
    for _ in 0..CONCURRENCY {
        let client = client.clone();
        workers.spawn(async move {
            let mut served = 0_u64;
            while start.elapsed() < time {
                served += u64::from(client.later(1, SLEEP_MS).await.is_ok());
            }
            served
        });
    }
    let mut served = 0;
    while let Some(done) = workers.join_next().await {
        served += done.unwrap_or(0);
    }
    served as f64 / time.as_secs_f64()
}

/// Makes calls at this rate, whatever becomes of them; gives the rate that was reached.
async fn overload(client: &TortureServiceClient, rate: f64, time: Duration, tally: &Arc<Tally>) -> f64 {
    let (start, mut calls, mut tasks) = (Instant::now(), 0_u64, JoinSet::new());
    while start.elapsed() < time {
        let due = (start.elapsed().as_secs_f64() * rate) as u64;
        for _ in calls..due {
            tasks.spawn(call(client.clone(), tally.clone()));
        }
        calls = calls.max(due);
        while tasks.try_join_next().is_some() {}
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let offered = calls as f64 / start.elapsed().as_secs_f64();
    while tasks.join_next().await.is_some() {}
    offered
}

async fn call(client: TortureServiceClient, tally: Arc<Tally>) {
    let sent = Instant::now();
    match client.later(1, SLEEP_MS).await {
        Ok(_) => tally.served.fetch_add(1, Relaxed),
        Err(error) if is_refusal(&error) => {
            tally.refusals_us.fetch_add(sent.elapsed().as_micros() as u64, Relaxed);
            tally.refused.fetch_add(1, Relaxed)
        }
        Err(_) => tally.failed.fetch_add(1, Relaxed),
    };
}

/// Whether the server vouches that it didn't execute the call.
fn is_refusal(error: &ClientError) -> bool {
    match error {
        ClientError::Application(exception) => exception.is_not_executed(),
        ClientError::Rpc(error) => error.is_overloaded(),
        _ => false,
    }
}
