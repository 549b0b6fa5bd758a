//! Calls given up at random points: no reply ever reaches another call, and nothing is used up.

mod client_peer;

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    sync::atomic::{AtomicUsize, Ordering},
    task::Poll,
    time::Duration,
};

use client_peer::{
    Answer, Peer, Plain, client, client_of, echo, listen, listen_mem,
    service::{Echo, serve},
};
use tokio::task::JoinSet;
use volo_core::{net::Listener, pool::PoolConfig};
use volo_thrift::{CallOpt, Limits};

const CALLS: usize = 100_000;
const WORKERS: usize = 16;
/// Calls that may be under way at a time; fewer than workers, so that what is not given back is missed at once.
const ROOM: usize = 8;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }
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

/// Answers every call, now and then one after a later one.
async fn answer_in_disorder(mut peer: Peer, mut random: Random) {
    let mut held = Vec::new();
    loop {
        let call = tokio::select! {
            call = peer.receive() => call,
            () = tokio::time::sleep(Duration::from_millis(1)), if !held.is_empty() => held.pop(),
        };
        let Some(call) = call else { return };
        if random.below(4) == 0 {
            held.push(call);
            continue;
        }
        while !held.is_empty() && random.below(2) == 0 {
            let index = random.below(held.len() as u64) as usize;
            peer.send(&held.swap_remove(index), &Answer::default()).await;
        }
        peer.send(&call, &Answer::default()).await;
    }
}

/// Answers the only call under way, sometimes late.
async fn answer_in_order(mut peer: Peer, mut random: Random) {
    while let Some(call) = peer.receive().await {
        for _ in 0..random.below(4) {
            tokio::task::yield_now().await;
        }
        peer.send(&call, &Answer::default()).await;
    }
}

fn spawn_server<F: Future<Output = ()> + Send + 'static>(listener: Listener, serve: fn(Peer, Random) -> F) {
    tokio::spawn(async move {
        for seed in 0.. {
            let peer = Peer::accept(&listener).await;
            tokio::spawn(serve(peer, Random(seed)));
        }
    });
}

/// Makes calls of which about a third is given up or runs out of time; gives how many got their reply.
async fn run_worker(client: Plain, worker: u64, calls: usize) -> usize {
    let mut random = Random(worker);
    let hasty = Plain(
        client.0.with_callopt(CallOpt { timeout: Some(Duration::from_millis(1)), ..CallOpt::default() }),
    );
    let mut done = 0;
    for call in 0..calls {
        let value = (worker << 32) as i64 + call as i64;
        let outcome = match random.below(12) {
            0 => Some(echo(&hasty, value).await),
            polls @ 1..4 => give_up_after(polls - 1, echo(&client, value)).await,
            _ => Some(echo(&client, value).await),
        };
        match outcome {
            Some(Ok(())) => done += 1,
            Some(Err(error)) => assert!(error.is_timeout(), "{error:?}"),
            None => {}
        }
    }
    done
}

async fn run(client: Plain, calls: usize) {
    let client = Arc::new(client);
    let worker = |worker| run_worker(Plain::clone(&client), worker, calls / WORKERS);
    let workers: JoinSet<usize> = (0..WORKERS as u64).map(worker).collect();
    let done: usize = workers.join_all().await.into_iter().sum();
    assert!(done > calls / 2, "{done} of {calls} calls got their reply");
    // Everything that may be under way can still be under way at once, and is answered.
    let last: JoinSet<_> = (0..4 * ROOM as i64)
        .map(|value| {
            let client = Plain::clone(&client);
            async move { echo(&client, value).await }
        })
        .collect();
    last.join_all().await.into_iter().for_each(|call| call.unwrap());
}

fn room() -> (Limits, PoolConfig) {
    let mut limits = Limits::default();
    limits.in_flight_max = ROOM;
    (limits, PoolConfig { max_total: ROOM, max_idle: ROOM, ..PoolConfig::default() })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pingpong_calls_in_process() {
    let listener = listen_mem().await;
    let client = client(&listener).pool(room().1).rpc_timeout(Duration::from_secs(20)).build();
    spawn_server(listener, answer_in_order);
    run(client, CALLS / 5).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pingpong_calls_to_our_server() {
    let server = serve(Echo::default(), "mem://client-drops").await;
    let client =
        client_of(server.address.clone()).pool(room().1).rpc_timeout(Duration::from_secs(20)).build();
    run(client, CALLS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn multiplexed_calls_to_our_server() {
    let server = serve(Echo::default(), "127.0.0.1:0").await;
    let client = client_of(server.address.clone());
    let client = client.limits(room().0).mux(1).rpc_timeout(Duration::from_secs(20)).build();
    run(client, CALLS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pingpong_calls_over_tcp() {
    let listener = listen().await;
    let client = client(&listener).pool(room().1).rpc_timeout(Duration::from_secs(20)).build();
    spawn_server(listener, answer_in_order);
    run(client, CALLS / 20).await; // every given-up call costs a port for a while
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn multiplexed_calls_over_tcp() {
    let listener = listen().await;
    let connections = Arc::new(AtomicUsize::new(0));
    let client = client(&listener).limits(room().0).mux(1).rpc_timeout(Duration::from_secs(20)).build();
    let counted = connections.clone();
    tokio::spawn(async move {
        for seed in 0.. {
            let peer = Peer::accept(&listener).await;
            counted.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(answer_in_disorder(peer, Random(seed)));
        }
    });
    run(client, CALLS / 5).await;
    assert_eq!(connections.load(Ordering::Relaxed), 1, "no call ever cost the connection");
}
