//! Calls given up at random points: no reply ever reaches another call, and nothing is used up.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    task::Poll,
};

use volo_core::BoxError;
use volo_thrift::ClientError;

use crate::{
    idl::TortureServiceClient,
    random::Random,
    report::Report,
    scene::{Counter, Scene, together},
};

const WORKERS: u64 = 32;

/// Connections that may be open at a time; fewer than workers, so that what is not given back is missed at once.
const ROOM: usize = 8;

/// Calls that a multiplexed connection carries at a time, by default.
const WINDOW: u64 = 1024;

#[derive(Default)]
struct Tally {
    answered: Counter,
    dropped: Counter,
    mismatched: Counter,
    failed: Counter,
}

/// Runs the suite with so many calls in each client mode.
pub async fn run(calls: u64, report: &mut Report) -> Result<(), BoxError> {
    for (mode, mux) in [("ping-pong", 0), ("mux", 1)] {
        let scene = Scene::start(&[])?;
        let client = scene.client().pool(Scene::pool(ROOM)).mux(mux).build();
        let tally = Arc::new(Tally::default());
        together(WORKERS, |worker| work(client.clone(), worker, calls / WORKERS, tally.clone())).await?;
        report.tell(mode, "answered", tally.answered.get());
        report.at_least(mode, "dropped", tally.dropped.get(), calls * 29 / 100);
        report.equal(mode, "mismatched replies", tally.mismatched.get(), 0);
        report.equal(mode, "calls that failed", tally.failed.get(), 0);
        // With a place of a dropped call still taken, not all of these would fit.
        let full = if mux > 0 { WINDOW } else { ROOM as u64 };
        report.equal(mode, "calls at once that fail afterwards", all_at_once(&client, full).await?, 0);
        drop(client);
        scene.end(mode, 0, report).await?;
    }
    Ok(())
}

async fn work(client: TortureServiceClient, worker: u64, calls: u64, tally: Arc<Tally>) {
    let (mut random, mut dropped) = (Random::new(worker), 0);
    for number in 0..calls {
        // Some calls are slow enough to be given up while the server works.
        let delay = if random.below(50) == 0 { random.below(3) as i32 } else { 0 };
        // Some of those to be given up have their answer before; others are given up for them.
        let behind = dropped * 100 < number * 30;
        let patience = if random.percent(if behind { 70 } else { 20 }) { random.below(4) } else { u64::MAX };
        let number = (worker << 32 | number) as i64;
        let call = async {
            if delay > 0 { client.later(number, delay).await } else { client.perhaps(number, 0).await }
        };
        match give_up_after(patience, call).await {
            None => {
                dropped += 1;
                tally.dropped.count();
            }
            Some(Ok(answer)) if answer == number => tally.answered.count(),
            Some(Ok(_)) => tally.mismatched.count(),
            Some(Err(error)) => {
                if tally.failed.get() == 0 {
                    eprintln!("cancel: {}", describe(&error));
                }
                tally.failed.count();
            }
        }
    }
}

/// An error with its cause.
pub fn describe(error: &ClientError) -> String {
    let cause = std::error::Error::source(error).and_then(std::error::Error::source);
    format!("{error} ({})", cause.map(ToString::to_string).unwrap_or_default())
}

/// How many of so many calls under way at the same time fail.
async fn all_at_once(client: &TortureServiceClient, calls: u64) -> Result<u64, BoxError> {
    let call = |number: u64| {
        let client = client.clone();
        async move { client.later(number as i64, 100).await.ok() == Some(number as i64) }
    };
    let answered = together(calls, call).await?;
    Ok(answered.into_iter().filter(|answered| !answered).count() as u64)
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
