//! Handlers that panic: every other call is answered, and no connection is lost.

use std::{sync::Arc, time::Duration};

use tokio::task::JoinSet;
use volo_core::{BoxError, pool::PoolConfig};
use volo_thrift::{ClientBuilder, ClientError, client::Governance};

use crate::{idl::TortureServiceClient, process::Server, random::Random, report::Report};

const WORKERS: u64 = 16;

#[derive(Default)]
struct Count {
    answered: u64,
    told: u64,
    posts: u64,
    booms: u64,
    wrong: u64,
}

/// Runs the suite with so many calls, over pooled and over one multiplexed connection.
pub async fn run(calls: u64, report: &mut Report) -> Result<(), BoxError> {
    for (mode, mux) in [("ping-pong", 0), ("mux", 1)] {
        let mut server = Server::start(&[])?;
        let before = (server.meter()?, server.descriptors()?);
        let connections = if mux > 0 { 1 } else { WORKERS };
        let client: TortureServiceClient = ClientBuilder::new("torture")
            .governance(Governance::none())
            .address(server.address)
            .rpc_timeout(Duration::from_secs(10))
            .connect_timeout(Duration::from_secs(5))
            .pool(PoolConfig { max_total: WORKERS as usize, ..PoolConfig::default() })
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
            sum.told += count.told;
            sum.posts += count.posts;
            sum.booms += count.booms;
            sum.wrong += count.wrong;
        }
        let posted = posted(&client, sum.posts).await?;
        // Had a connection been lost, another one would have been made, and both of them seen by now.
        let more = (server.descriptors()? - before.1).saturating_sub(connections);
        let meter = server.meter()?;
        let missing = calls / WORKERS * WORKERS - sum.answered - sum.told - sum.posts - sum.booms;
        report.equal(mode, "calls not answered", missing, 0);
        report.equal(mode, "wrong answers", sum.wrong, 0);
        report.at_least(mode, "panics", meter.panics, calls / 12);
        report.equal(mode, "panics not told to their callers", meter.panics - sum.booms - sum.told, 0);
        report.equal(mode, "oneway calls executed", posted, sum.posts);
        report.equal(mode, "connections beyond the first", more, 0);
        drop(client);
        let (after, open) = server.settle(before.0.tasks, before.1).await?;
        report.at_most(mode, "tasks left", after.tasks, before.0.tasks);
        report.at_most(mode, "descriptors left", open, before.1);
    }
    Ok(())
}

/// How many oneway calls were executed; waits a little for `expected`, as nothing tells when they are.
async fn posted(client: &TortureServiceClient, expected: u64) -> Result<u64, BoxError> {
    let mut posted = 0;
    for _ in 0..100 {
        posted = client.posted().await?.unsigned_abs();
        if posted == expected {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(posted)
}

async fn work(client: Arc<TortureServiceClient>, worker: u64, calls: u64) -> Count {
    let (mut random, mut count) = (Random::new(worker), Count::default());
    let mut panicking = false;
    for number in 0..calls as i64 {
        if random.below(20) == 0 {
            panicking = !panicking;
            let sent = if panicking { client.post_panic(number).await } else { client.post(1).await };
            match sent {
                Ok(()) if panicking => count.booms += 1,
                Ok(()) => count.posts += 1,
                Err(_) => count.wrong += 1,
            }
            continue;
        }
        let panic = if random.percent(10) { 1 + random.below(2) as i32 } else { 0 };
        match client.perhaps(number, panic).await {
            Ok(answer) if answer == number && panic == 0 => count.answered += 1,
            Err(ClientError::Application(exception)) if panic > 0 && exception.kind().0 == 6 => {
                count.told += 1
            }
            _ => count.wrong += 1,
        }
    }
    count
}
