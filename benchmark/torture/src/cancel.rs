//! Calls given up at random points: no reply ever reaches another call, and nothing is used up.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use tokio::{runtime::Handle, task::JoinSet};
use volo_core::{BoxError, pool::PoolConfig};
use volo_thrift::{ClientBuilder, ClientError, client::Governance};

use crate::{idl::TortureServiceClient, process::Server, random::Random, report::Report};

const WORKERS: u64 = 32;

/// Connections that may be open at a time; fewer than workers, so that what is not given back is missed at once.
const ROOM: usize = 8;

/// Calls that a multiplexed connection carries at a time, by default.
const WINDOW: i64 = 1024;

#[derive(Default)]
struct Count {
    answered: u64,
    dropped: u64,
    mismatched: u64,
    failed: u64,
}

/// Runs the suite with so many calls in each client mode.
pub async fn run(calls: u64, report: &mut Report) -> Result<(), BoxError> {
    for (mode, mux) in [("ping-pong", 0), ("mux", 1)] {
        let own_tasks = Handle::current().metrics().num_alive_tasks() as u64;
        let mut server = Server::start(&[])?;
        let before = (server.meter()?, server.descriptors()?);
        let client: TortureServiceClient = ClientBuilder::new("torture")
            .governance(Governance::none())
            .address(server.address)
            .rpc_timeout(Duration::from_secs(20))
            .connect_timeout(Duration::from_secs(5))
            .pool(PoolConfig {
                max_total: ROOM,
                idle_timeout: Duration::from_secs(1),
                ..PoolConfig::default()
            })
            .mux(mux)
            .build();
        let client = Arc::new(client);
        let mut workers = JoinSet::new();
        for worker in 0..WORKERS {
            workers.spawn(work(client.clone(), worker, calls / WORKERS));
        }
        let mut sum = Count::default();
        while let Some(count) = workers.join_next().await {
            let count = count?;
            sum.answered += count.answered;
            sum.dropped += count.dropped;
            sum.mismatched += count.mismatched;
            sum.failed += count.failed;
        }
        report.tell(mode, "answered", sum.answered);
        report.at_least(mode, "dropped", sum.dropped, calls * 29 / 100);
        report.equal(mode, "mismatched replies", sum.mismatched, 0);
        report.equal(mode, "calls that failed", sum.failed, 0);
        // With a place of a dropped call still taken, not all of these would fit.
        let full = if mux > 0 { WINDOW } else { ROOM as i64 };
        report.equal(mode, "calls at once that fail afterwards", all_at_once(&client, full).await, 0);
        drop(client);
        let (after, open) = server.settle(before.0.tasks, before.1).await?;
        report.at_most(mode, "server tasks left", after.tasks, before.0.tasks);
        report.at_most(mode, "server descriptors left", open, before.1);
        report.at_most(mode, "client tasks left", settled_tasks(own_tasks).await, own_tasks);
        report.equal(mode, "server panics", after.panics, 0);
    }
    Ok(())
}

/// Tasks of this process once those of the dropped client have noticed; the pool's keeper looks around now and then.
async fn settled_tasks(expected: u64) -> u64 {
    for _ in 0..100 {
        if Handle::current().metrics().num_alive_tasks() as u64 <= expected {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Handle::current().metrics().num_alive_tasks() as u64
}

async fn work(client: Arc<TortureServiceClient>, worker: u64, calls: u64) -> Count {
    let (mut random, mut count) = (Random::new(worker), Count::default());
    for number in 0..calls {
        // Some calls are slow enough to be given up while the server works.
        let delay = if random.below(50) == 0 { random.below(3) as i32 } else { 0 };
        // Some of those to be given up have their answer before; others are given up for them.
        let behind = count.dropped * 100 < number * 30;
        let patience = if random.percent(if behind { 70 } else { 20 }) { random.below(3) } else { u64::MAX };
        let number = (worker << 32 | number) as i64;
        let call = async {
            if delay > 0 { client.later(number, delay).await } else { client.perhaps(number, 0).await }
        };
        match give_up_after(patience, call).await {
            None => count.dropped += 1,
            Some(Ok(answer)) if answer == number => count.answered += 1,
            Some(Ok(_)) => count.mismatched += 1,
            Some(Err(error)) => {
                if count.failed == 0 {
                    eprintln!("cancel: {}", describe(&error));
                }
                count.failed += 1;
            }
        }
    }
    count
}

fn describe(error: &ClientError) -> String {
    let cause = std::error::Error::source(error).and_then(std::error::Error::source);
    format!("{error} ({})", cause.map(ToString::to_string).unwrap_or_default())
}

/// How many of so many calls under way at the same time fail.
async fn all_at_once(client: &Arc<TortureServiceClient>, calls: i64) -> u64 {
    let mut tasks = JoinSet::new();
    for number in 0..calls {
        let client = client.clone();
        tasks.spawn(async move { client.later(number, 100).await.ok() == Some(number) });
    }
    let mut failed = 0;
    while let Some(done) = tasks.join_next().await {
        failed += u64::from(!done.unwrap_or(false));
    }
    failed
}

/// Polls `call` until it is done or was pending so many times, then drops it.
async fn give_up_after<F: Future>(polls: u64, call: F) -> Option<F::Output> {
    let (mut call, mut pending) = (pin!(call), 0);
    poll_fn(|cx| {
        if pending == polls {
            return Poll::Ready(None);
        }
        match call.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => {
                pending += 1;
                if pending == polls { Poll::Ready(None) } else { Poll::Pending }
            }
        }
    })
    .await
}
