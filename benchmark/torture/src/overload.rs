//! Three times as many calls as a server can serve: it serves about as many as ever, and refuses the rest at once.
//!
//! The server's capacity is set, not measured from its processor: so many handlers at a time, which just sleep.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::task::JoinSet;
use volo_core::BoxError;
use volo_thrift::ClientError;

use crate::{
    idl::TortureServiceClient,
    peer::{Answer, Peer, framed},
    report::Report,
    scene::{Counter, Scene, together},
};

/// Handlers at a time, and how long each one sleeps.
const CONCURRENCY: u64 = 20;
const SLEEP_MS: i32 = 10;

/// Calls offered, in capacities.
const OFFERED: f64 = 3.0;

/// Calls that wait for each other, each for 20 ms, though none may wait for more than 50 ms.
const QUEUE: usize = 100;

#[derive(Default)]
struct Tally {
    served: Counter,
    refused: Counter,
    failed: Counter,
    refusals_us: Counter,
}

/// Runs the suite with so many seconds of overload.
pub async fn run(seconds: u64, report: &mut Report) -> Result<(), BoxError> {
    refuse(Duration::from_secs(seconds.max(1)), report).await?;
    expire("waited beyond its deadline", &[], b"50", report).await?;
    expire("waited too long for the server", &["queue_timeout_ms=50"], b"00", report).await
}

/// More calls than there are places: all places are in use, and the rest is refused.
async fn refuse(time: Duration, report: &mut Report) -> Result<(), BoxError> {
    let mut scene = Scene::start(&[&format!("concurrency_max={CONCURRENCY}")])?;
    let client = scene.client().rpc_timeout(Duration::from_millis(200)).mux(2).build();
    let peak = peak(&client, Duration::from_secs(2)).await?;
    let tally = Arc::new(Tally::default());
    let offered = overload(&client, peak * OFFERED, time, &tally).await;
    let ended = Instant::now();
    while client.later(1, SLEEP_MS).await.is_err() && ended.elapsed() < Duration::from_secs(10) {}
    let (recovery, meter) = (ended.elapsed(), scene.server.meter()?);
    let (served, refused, failed) = (tally.served.get(), tally.refused.get(), tally.failed.get());
    let goodput = served as f64 / time.as_secs_f64();
    let refusal = tally.refusals_us.get() as f64 / 1000.0 / refused.max(1) as f64;
    report.tell("refused", "peak, calls/s", peak);
    report.at_least("refused", "offered, of the peak", offered / peak, OFFERED * 0.9);
    report.at_least("refused", "goodput, of the peak", goodput / peak, 0.8);
    report.at_least("refused", "calls refused", refused, served);
    report.tell("refused", "mean time of a refusal, ms", refusal);
    report.at_most(
        "refused",
        "calls that failed otherwise, of all",
        failed as f64 / (served + refused) as f64,
        0.01,
    );
    report.equal("refused", "expired calls executed", meter.expired, 0);
    report.at_most("refused", "recovery, ms", recovery, Duration::from_secs(2));
    drop(client);
    scene.end("refused", 0, report).await
}

/// Calls in a queue for too long: one connection, on which each call waits for the one before. Each of them has a
/// budget in milliseconds, unless that is zero.
async fn expire(
    case: &str,
    settings: &[&str],
    budget: &[u8; 2],
    report: &mut Report,
) -> Result<(), BoxError> {
    let mut scene = Scene::start(settings)?;
    let mut peer = Peer::connect(scene.server.address).await?;
    // Header: the budget, an integer key whose value is a text. Arguments: number and delay.
    let header = [&b"\x10\0\0\0\0\0\0\x07\0\x03\0\0\x10\0\x01\0\x0c\0\x02"[..], budget, b"\0"].concat();
    let body = b"\x80\x01\0\x01\0\0\0\x05later\0\0\0\x07\x0a\0\x01\0\0\0\0\0\0\0\x07\x08\0\x02\0\0\0\x14\0";
    peer.send(&framed(&[&header[..], body].concat()).repeat(QUEUE)).await;
    let (mut served, mut refused) = (0_u64, 0_u64);
    for _ in 0..QUEUE {
        match peer.answer(Duration::from_secs(10)).await {
            Answer::Reply(7) => served += 1,
            Answer::Exception(..) => refused += 1,
            other => return Err(format!("{other:?} instead of an answer").into()),
        }
    }
    drop(peer);
    let meter = scene.server.meter()?;
    report.tell(case, "calls served", served);
    report.at_least(case, "calls refused", refused, QUEUE as u64 * 9 / 10);
    report.equal(case, "calls executed", meter.started, served);
    report.equal(case, "expired calls executed", meter.expired, 0);
    scene.end(case, 0, report).await
}

/// Calls per second when there are never more than can be served.
async fn peak(client: &TortureServiceClient, time: Duration) -> Result<f64, BoxError> {
    let start = Instant::now();
    let served = together(CONCURRENCY, |_| {
        let client = client.clone();
        async move {
            let mut served = 0_u64;
            while start.elapsed() < time {
                served += u64::from(client.later(1, SLEEP_MS).await.is_ok());
            }
            served
        }
    });
    Ok(served.await?.into_iter().sum::<u64>() as f64 / time.as_secs_f64())
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
        Ok(_) => tally.served.count(),
        Err(error) if is_refusal(&error) => {
            tally.refusals_us.add(sent.elapsed().as_micros() as u64);
            tally.refused.count();
        }
        Err(_) => tally.failed.count(),
    }
}

/// Whether the server vouches that it didn't execute the call.
fn is_refusal(error: &ClientError) -> bool {
    match error {
        ClientError::Application(exception) => exception.is_not_executed(),
        ClientError::Rpc(error) => error.is_overloaded(),
        _ => false,
    }
}
