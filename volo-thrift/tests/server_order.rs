//! Replies and effects keep the order of the requests, unless the caller allows otherwise.

mod server_support;

use std::time::{Duration, Instant};

use server_support::{Caller, FRAMED, Probe, Running, TTHEADER, soon};
use volo_thrift::{
    Limits, Server,
    protocol::Protocol,
    wire::{Dialect, Framing, MessageKind},
};

async fn start(limits: Limits) -> (Running, Probe) {
    let probe = Probe::default();
    let server = Server::new().limits(limits).add_service(probe.clone()).bind("127.0.0.1:0").await.unwrap();
    (Running::start(server), probe)
}

async fn receive_ids(caller: &mut Caller, count: usize) -> Vec<i32> {
    let mut ids = Vec::new();
    while ids.len() < count {
        ids.push(soon(caller.answer()).await.id);
    }
    ids
}

#[tokio::test]
async fn pipelined_calls_keep_their_order_in_replies_and_effects() {
    let buffered = Dialect::new(Framing::Buffered, Protocol::Compact);
    for dialect in [FRAMED, buffered, TTHEADER] {
        let (running, probe) = start(Limits::default()).await;
        let mut caller = running.connect(dialect).await;
        caller.send(MessageKind::Call, "slow", 1, "30").await;
        caller.send(MessageKind::Oneway, "post", 2, "two").await;
        caller.send(MessageKind::Call, "slow", 3, "1").await;
        caller.send(MessageKind::Call, "late_boom", 4, "four").await;
        caller.send(MessageKind::Call, "nothing", 5, "").await;
        caller.send(MessageKind::Call, "echo", 6, "six").await;
        assert_eq!(receive_ids(&mut caller, 5).await, [1, 3, 4, 5, 6], "{dialect:?}");
        let effects = ["start 30", "end 30", "post two", "start 1", "end 1", "echo six"];
        assert_eq!(probe.journal.lines(), effects, "{dialect:?}");
    }
}

#[tokio::test]
async fn flagged_calls_run_side_by_side_and_overtake() {
    let (running, probe) = start(Limits::default()).await;
    let mut caller = running.connect(TTHEADER).await.out_of_order();
    let started = Instant::now();
    for (id, pause) in [(1, "90"), (2, "60"), (3, "30")] {
        caller.send(MessageKind::Call, "slow", id, pause).await;
    }
    caller.send(MessageKind::Call, "echo", 4, "quick").await;
    assert_eq!(receive_ids(&mut caller, 4).await, [4, 3, 2, 1]);
    assert!(started.elapsed() < Duration::from_millis(170), "they ran at the same time");
    assert_eq!(probe.journal.most(), 3);
}

#[tokio::test]
async fn an_ordered_call_waits_for_all_before_it() {
    let (running, probe) = start(Limits::default()).await;
    let mut caller = running.connect(TTHEADER).await.out_of_order();
    caller.send(MessageKind::Call, "slow", 1, "30").await;
    caller.send(MessageKind::Call, "slow", 2, "20").await;
    caller.header.flags = 0;
    caller.send(MessageKind::Call, "slow", 3, "1").await;
    caller.header.flags = 1;
    caller.send(MessageKind::Call, "echo", 4, "last").await;
    assert_eq!(receive_ids(&mut caller, 4).await, [2, 1, 3, 4]);
    assert_eq!(probe.journal.lines()[2..], ["end 20", "end 30", "start 1", "end 1", "echo last"]);
}

#[tokio::test]
async fn hundreds_of_pipelined_calls_all_come_back() {
    let (running, _) = start(Limits::default()).await;
    for mut caller in [running.connect(FRAMED).await, running.connect(TTHEADER).await.out_of_order()] {
        for id in 1..=700 {
            caller.send(MessageKind::Call, "echo", id, "some text that is not too short").await;
        }
        assert_eq!(receive_ids(&mut caller, 700).await, (1..=700).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn no_more_calls_run_on_a_connection_than_allowed() {
    let mut limits = Limits::default();
    limits.in_flight_max = 4;
    let (running, probe) = start(limits).await;
    let mut caller = running.connect(TTHEADER).await.out_of_order();
    for id in 1..=20 {
        caller.send(MessageKind::Call, "slow", id, "2").await;
    }
    let mut ids = receive_ids(&mut caller, 20).await;
    ids.sort_unstable();
    assert_eq!(ids, (1..=20).collect::<Vec<_>>());
    assert_eq!(probe.journal.most(), 4);
}

#[tokio::test]
async fn requests_under_way_take_no_more_bytes_than_allowed() {
    let mut limits = Limits::default();
    limits.in_flight_bytes_max = 1;
    let (running, probe) = start(limits).await;
    let mut caller = running.connect(TTHEADER).await.out_of_order();
    for id in 1..=5 {
        caller.send(MessageKind::Call, "slow", id, "2").await;
    }
    assert_eq!(receive_ids(&mut caller, 5).await, [1, 2, 3, 4, 5]);
    assert_eq!(probe.journal.most(), 1, "one is always allowed");
}

#[tokio::test]
async fn handlers_run_to_the_end_when_the_caller_goes_away() {
    let (mut running, probe) = start(Limits::default()).await;
    let mut caller = running.connect(TTHEADER).await.out_of_order();
    caller.send(MessageKind::Call, "slow", 1, "50").await;
    soon(caller.call("echo", 2, "it has started")).await;
    drop(caller);
    running.stop();
    soon(running.task).await.unwrap();
    assert_eq!(probe.journal.lines().last().unwrap(), "end 50", "and the shutdown waits for them");
}
