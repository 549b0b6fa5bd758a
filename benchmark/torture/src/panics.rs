//! Handlers that panic: every other call is answered, and no connection is lost.

use std::{sync::Arc, time::Duration};

use volo_core::BoxError;
use volo_thrift::{ApplicationKind, ClientError};

use crate::{
    idl::TortureServiceClient,
    random::Random,
    report::Report,
    role,
    scene::{Counter, Scene, together},
};

const WORKERS: u64 = 16;

#[derive(Default)]
struct Tally {
    /// Calls with the right answer.
    answered: Counter,
    /// Calls that were told of their handler's panic.
    told: Counter,
    /// Oneway calls that are to be executed.
    posts: Counter,
    /// Oneway calls whose handlers are to panic.
    booms: Counter,
    /// Calls that ended in another way than they should.
    wrong: Counter,
}

/// Runs the suite with so many calls, over pooled and over one multiplexed connection.
pub async fn run(calls: u64, report: &mut Report) -> Result<(), BoxError> {
    for (mode, mux) in [("ping-pong", 0), ("mux", 1)] {
        let mut scene = Scene::start(&[])?;
        let before = scene.server.descriptors()?;
        let connections = if mux > 0 { 1 } else { WORKERS };
        let client = scene.client().pool(Scene::pool(WORKERS as usize)).mux(mux).build();
        let tally = Arc::new(Tally::default());
        together(WORKERS, |worker| work(client.clone(), worker, calls / WORKERS, tally.clone())).await?;
        let (told, posts, booms) = (tally.told.get(), tally.posts.get(), tally.booms.get());
        let posted = posted(&client, posts).await?;
        // Had a connection been lost, another one would have been made, and both of them seen by now.
        let more = scene.server.descriptors()?.saturating_sub(before).saturating_sub(connections);
        let panics = scene.server.meter()?.panics;
        let ended = tally.answered.get() + told + posts + booms + tally.wrong.get();
        report.equal(mode, "calls that ended", ended, calls / WORKERS * WORKERS);
        report.equal(mode, "wrong answers", tally.wrong.get(), 0);
        report.at_least(mode, "panics", panics, calls / 12);
        report.equal(mode, "oneway calls executed", posted, posts);
        report.equal(mode, "connections beyond the first", more, 0);
        drop(client);
        // As many panics as calls were told of one or wanted to hear of none.
        scene.end(mode, told + booms, report).await?;
    }
    Ok(())
}

/// How many oneway calls were executed; waits a little for `expected`, as nothing tells when they are.
async fn posted(client: &TortureServiceClient, expected: u64) -> Result<u64, BoxError> {
    let mut posted = 0;
    for _ in 0..250 {
        posted = client.posted().await?.unsigned_abs();
        if posted == expected {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(posted)
}

async fn work(client: TortureServiceClient, worker: u64, calls: u64, tally: Arc<Tally>) {
    let (mut random, mut panicking) = (Random::new(worker), false);
    for number in 0..calls as i64 {
        if random.below(20) == 0 {
            panicking = !panicking;
            let sent = if panicking { client.post_panic(number).await } else { client.post(1).await };
            match sent {
                Ok(()) if panicking => tally.booms.count(),
                Ok(()) => tally.posts.count(),
                Err(_) => tally.wrong.count(),
            }
            continue;
        }
        let how = [role::PANIC, role::PANIC_LATER][random.below(2) as usize];
        let panic = if random.percent(10) { how } else { 0 };
        match client.perhaps(number, panic).await {
            Ok(answer) if answer == number && panic == 0 => tally.answered.count(),
            Err(ClientError::Application(exception)) if panic > 0 && is_internal(exception.kind()) => {
                tally.told.count()
            }
            _ => tally.wrong.count(),
        }
    }
}

fn is_internal(kind: ApplicationKind) -> bool {
    kind == ApplicationKind::INTERNAL_ERROR
}
