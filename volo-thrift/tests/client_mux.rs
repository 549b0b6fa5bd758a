//! Many calls over one connection: each gets its own reply, and none can harm another.

mod client_peer;

use std::time::Duration;

use bytes::Bytes;
use client_peer::{
    Answer, ECHO, NOTE, Peer, Plain, call_number, client, client_of, echo, listen, listen_mem, number, raw,
    spawn_echo,
};
use tokio::task::JoinSet;
use volo_core::{Body, Error, Retry, net::Listener};
use volo_thrift::{
    CallOpt, ClientError, Limits, Never,
    client::{Governance, call},
    meta::{Advert, Hello, InstanceId, keys},
    protocol::MethodResult,
    wire::{Header, MessageKind, flag},
};

fn spawn_calls(client: &Plain, values: std::ops::Range<i64>) -> JoinSet<Result<(), Error>> {
    let call = |value| {
        let client = client.clone();
        async move { echo(&client, value).await }
    };
    values.map(call).collect()
}

#[tokio::test]
async fn replies_find_their_calls_in_any_order() {
    let listener = listen().await;
    let client = client(&listener).mux(1).build();
    let calls = spawn_calls(&client, 0..32);
    let mut peer = Peer::accept(&listener).await;
    let mut received = Vec::new();
    while received.len() < 32 {
        received.push(peer.receive().await.unwrap());
    }
    for call in received.iter().rev() {
        assert_eq!(call.header.as_ref().unwrap().flags, flag::OUT_OF_ORDER);
        peer.send(call, &Answer::default()).await;
    }
    calls.join_all().await.into_iter().for_each(|call| call.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_late_reply_is_dropped() {
    let listener = listen_mem().await;
    let client = client(&listener).mux(1).build();
    let server = tokio::spawn(async move {
        let mut peer = Peer::accept(&listener).await;
        let late = peer.receive().await.unwrap();
        tokio::time::sleep(Duration::from_millis(1500)).await;
        peer.send(&late, &Answer::default()).await;
        peer.echo_all().await
    });
    let start = tokio::time::Instant::now();
    let error = echo(&client, 1).await.unwrap_err();
    assert!(error.is_timeout() && error.retry() == Retry::IfIdempotent, "{error:?}");
    assert!((1000..1010).contains(&start.elapsed().as_millis()));
    tokio::time::sleep(Duration::from_secs(1)).await;
    for value in 0..10 {
        echo(&client, value).await.unwrap();
    }
    drop(client);
    assert_eq!(server.await.unwrap(), 10, "all on the one connection");
}

#[tokio::test]
async fn a_lost_connection_fails_what_was_sent_and_is_replaced() {
    let listener = listen().await;
    let client = client(&listener).mux(1).build();
    let calls = spawn_calls(&client, 0..5);
    let mut peer = Peer::accept(&listener).await;
    for _ in 0..5 {
        peer.receive().await.unwrap();
    }
    drop(peer);
    for call in calls.join_all().await {
        let error = call.unwrap_err();
        assert!(error.is_closed() && error.retry() == Retry::IfIdempotent, "{error:?}");
    }
    spawn_echo(listener);
    echo(&client, 6).await.unwrap();
}

#[tokio::test]
async fn nobody_listening_fails_all_that_wait_at_once() {
    let listener = listen().await;
    let client = client(&listener).mux(1).build();
    drop(listener);
    for call in spawn_calls(&client, 0..20).join_all().await {
        let error = call.unwrap_err();
        assert!(error.is_connect() && error.retry() == Retry::Always, "{error:?}");
    }
}

#[tokio::test]
async fn a_control_frame_moves_new_calls_elsewhere() {
    let listener = listen().await;
    let client = client(&listener).mux(1).build();
    let pending = spawn_calls(&client, 0..1);
    let mut old = Peer::accept(&listener).await;
    let call = old.receive().await.unwrap();
    let header = Header { strings: vec![("crrst".into(), "1".into())], ..Header::default() };
    let control = Answer {
        name: Some("none"),
        sequence_id: Some(0),
        header,
        body: Some(Bytes::from_static(&[0])),
        ..Answer::default()
    };
    old.send(&call, &control).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    let moved = spawn_calls(&client, 1..2);
    let mut new = Peer::accept(&listener).await;
    let other = new.receive().await.unwrap();
    new.send(&other, &Answer::default()).await;
    moved.join_all().await.into_iter().for_each(|call| call.unwrap());
    old.send(&call, &Answer::default()).await;
    pending.join_all().await.into_iter().for_each(|call| call.unwrap());
    assert!(old.receive().await.is_none(), "closed by the client once it had its last reply");
}

/// The last frame of a server of ours.
fn farewell() -> Answer {
    let strings = [keys::CLOSING, keys::NOT_EXECUTED].map(|key| (key.into(), "1".into())).to_vec();
    Answer {
        name: Some("none"),
        sequence_id: Some(0),
        header: Header { strings, ..Header::default() },
        body: Some(Bytes::from_static(&[0])),
        ..Answer::default()
    }
}

#[tokio::test]
async fn what_a_farewell_leaves_unanswered_may_be_sent_again() {
    let listener = listen_mem().await;
    let client = client(&listener).mux(1).governance(Governance::none()).build();
    let calls = spawn_calls(&client, 0..5);
    let mut peer = Peer::accept(&listener).await;
    let mut received = Vec::new();
    for _ in 0..5 {
        received.push(peer.receive().await.unwrap());
    }
    peer.send(&received[3], &Answer::default()).await;
    peer.send(&received[0], &farewell()).await;
    let failed = calls.join_all().await.into_iter().filter_map(Result::err);
    assert_eq!(failed.map(|error| error.retry()).collect::<Vec<_>>(), [Retry::Always; 4]);
}

#[tokio::test]
async fn a_farewell_is_read_although_writing_fails() {
    let listener = listen_mem().await;
    let client = client(&listener).mux(1).governance(Governance::none()).build();
    let sent = spawn_calls(&client, 0..1);
    let mut peer = Peer::accept(&listener).await;
    let call = peer.receive().await.unwrap();
    peer.send(&call, &farewell()).await;
    drop(peer);
    let _late = spawn_calls(&client, 1..2); // the client's task has this to write before it has read
    assert_eq!(sent.join_all().await.remove(0).unwrap_err().retry(), Retry::Always);
}

#[tokio::test]
async fn a_broken_reply_harms_its_own_call_only() {
    let listener = listen().await;
    let client = client(&listener).mux(1).build();
    let calls = spawn_calls(&client, 0..3);
    let mut peer = Peer::accept(&listener).await;
    for value in 0..3 {
        let call = peer.receive().await.unwrap();
        let mut bytes = Answer::default().to_bytes(&call);
        if value == 1 {
            let message = bytes.len() - call.body.bytes.len() - 12 - call.head.name.len();
            bytes[message] = 0x7f; // no version of any protocol
        }
        peer.send_bytes(&bytes).await;
    }
    let results = calls.join_all().await;
    let errors: Vec<_> = results.into_iter().filter_map(Result::err).collect();
    assert!(errors.len() == 1 && errors[0].is_protocol(), "{errors:?}");
    let wrong_name = spawn_calls(&client, 3..4);
    let call = peer.receive().await.unwrap();
    peer.send(&call, &Answer { name: Some("other"), ..Answer::default() }).await;
    assert!(wrong_name.join_all().await.remove(0).unwrap_err().is_protocol());
    tokio::spawn(peer.echo_all());
    echo(&client, 5).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn messages_of_no_call_are_tolerated_up_to_a_limit() {
    let listener = listen_mem().await;
    let client = client(&listener).mux(1).build();
    let server = tokio::spawn(async move {
        let mut peer = Peer::accept(&listener).await;
        let call = peer.receive().await.unwrap();
        for id in 0..10 {
            peer.send(&call, &Answer { sequence_id: Some(0x0100_0000 + id), ..Answer::default() }).await;
        }
        peer.send(&call, &Answer::default()).await;
        let call = peer.receive().await.unwrap();
        for id in 0..100 {
            peer.send(&call, &Answer { sequence_id: Some(0x0100_0000 + id), ..Answer::default() }).await;
        }
        assert!(peer.receive().await.is_none(), "closed by the client");
    });
    echo(&client, 1).await.unwrap();
    assert!(echo(&client, 2).await.unwrap_err().is_protocol());
    server.await.unwrap();
}

#[tokio::test]
async fn more_calls_than_the_window_wait_their_turn() {
    let listener = listen().await;
    let mut limits = Limits::default();
    limits.in_flight_max = 2;
    let client = client(&listener).mux(1).limits(limits).build();
    spawn_echo(listener);
    spawn_calls(&client, 0..200).join_all().await.into_iter().for_each(|call| call.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_answers_nothing_is_replaced() {
    let listener = listen_mem().await;
    let mut limits = Limits::default();
    limits.in_flight_max = 2;
    let client = client(&listener).mux(1).limits(limits).build();
    let calls = spawn_calls(&client, 0..10);
    let mut silent = Peer::accept(&listener).await;
    silent.receive().await.unwrap();
    silent.receive().await.unwrap();
    for call in calls.join_all().await {
        assert!(call.unwrap_err().is_timeout());
    }
    spawn_echo(listener);
    for value in 0..10 {
        echo(&client, value).await.unwrap();
    }
}

#[tokio::test]
async fn large_requests_go_through_beside_small_ones() {
    let listener = listen().await;
    let client = client(&listener).mux(1).rpc_timeout(Duration::from_secs(20)).build();
    spawn_echo(listener);
    let small = spawn_calls(&client, 0..100);
    for len in [65 << 10, 1 << 20, 8 << 20] {
        let text = [&[11, 0, 0][..], &(len as u32).to_be_bytes(), &vec![b'x'; len], &[0]].concat();
        let reply = client.0.execute(&ECHO, raw(text.clone())).await.unwrap();
        let Body::Raw(body) = reply.body() else { panic!("a received body is raw") };
        assert_eq!(body.bytes, text);
    }
    small.join_all().await.into_iter().for_each(|call| call.unwrap());
}

#[tokio::test]
async fn a_large_message_is_encoded_by_its_caller() {
    let listener = listen().await;
    let client = client(&listener).mux(1).rpc_timeout(Duration::from_secs(20)).build();
    spawn_echo(listener);
    let numbers: Vec<i64> = (0..200_000).collect();
    let args = MethodResult::<_, Never>::Ok(numbers.clone());
    let reply: Vec<i64> = call::<_, _, Never>(&client.0, &ECHO, args).await.unwrap();
    assert_eq!(reply, numbers);
}

#[tokio::test]
async fn an_exception_may_have_another_number_in_its_message() {
    let listener = listen().await;
    let client = client(&listener).mux(1).build();
    let failing = tokio::spawn({
        let client = client.clone();
        async move { call_number(&client, &ECHO, 1).await }
    });
    let mut peer = Peer::accept(&listener).await;
    let call = peer.receive().await.unwrap();
    let exception = Bytes::from_static(&[8, 0, 2, 0, 0, 0, 6, 0]);
    let answer =
        Answer { kind: MessageKind::Exception, name: Some(""), body: Some(exception), ..Answer::default() };
    let mut bytes = answer.to_bytes(&call);
    let number = bytes.len() - 8 - 4;
    bytes[number..number + 4].fill(0); // as proxies do
    peer.send_bytes(&bytes).await;
    let error = failing.await.unwrap().unwrap_err();
    assert!(matches!(&error, ClientError::Application(e) if e.kind().0 == 6), "{error:?}");
}

#[tokio::test]
async fn a_request_beyond_the_limit_is_refused_here() {
    let listener = listen().await;
    let mut limits = Limits::default();
    limits.message_max = 1000;
    let client = client(&listener).mux(1).limits(limits).build();
    spawn_echo(listener);
    let error = client.0.execute(&ECHO, raw(vec![0; 1000])).await.unwrap_err();
    assert!(error.to_string().contains("message_max"), "{error:?}");
    echo(&client, 1).await.unwrap();
}

#[tokio::test]
async fn oneway_calls_leave_no_slot_behind() {
    let listener = listen().await;
    let mut limits = Limits::default();
    limits.in_flight_max = 2;
    let client = client(&listener).mux(1).limits(limits).build();
    spawn_echo(listener);
    for value in 0..100 {
        client.0.execute(&NOTE, raw(number(value))).await.unwrap();
    }
    echo(&client, 1).await.unwrap();
}

#[tokio::test]
async fn multiplexing_without_headers_is_a_clear_error() {
    let client = client_of("127.0.0.1:1".parse().unwrap()).framed().mux(1).build();
    let error = echo(&client, 1).await.unwrap_err();
    assert_eq!(error.to_string(), "multiplexing needs TTHeader");
}

#[test]
fn a_client_is_built_outside_of_a_runtime() {
    for mux in [0, 1] {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let listener = runtime.block_on(listen());
        let client = client(&listener).mux(mux).build();
        runtime.spawn(async { spawn_echo(listener) });
        runtime.block_on(echo(&client, 1)).unwrap();
        drop(runtime);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let error = echo(&client, 2).await.unwrap_err();
            assert!(error.is_connect(), "nobody listens any more: {error:?}");
        });
    }
}

/// The answer that makes the peer one of ours.
fn advertising() -> Answer {
    let advert = Advert { mux: true, near: None, instance: InstanceId::random() };
    let header = Header { strings: vec![(keys::ADVERT.into(), advert.to_text())], ..Header::default() };
    Answer { header, ..Answer::default() }
}

/// So many calls that time out one after the other, while one with more time waits. The peer has answered the first
/// call with `first`, then gets all calls without answering any, until the client asks for a sign of life.
async fn go_silent(first: Answer, timeouts: i64) -> (Listener, Peer, Plain, JoinSet<Result<(), Error>>) {
    let listener = listen_mem().await;
    let hasty = client(&listener).mux(1).rpc_timeout(Duration::from_millis(300)).build();
    let patient =
        Plain(hasty.0.with_callopt(CallOpt { timeout: Some(Duration::from_secs(60)), ..CallOpt::default() }));
    let calling = tokio::spawn({
        let hasty = hasty.clone();
        async move { echo(&hasty, 0).await.unwrap() }
    });
    let mut peer = Peer::accept(&listener).await;
    let call = peer.receive().await.unwrap();
    peer.send(&call, &first).await;
    calling.await.unwrap();
    let waiting = spawn_calls(&patient, 1..2);
    peer.receive().await.unwrap();
    for value in 2..2 + timeouts {
        assert!(echo(&hasty, value).await.unwrap_err().is_timeout());
        peer.receive().await.unwrap();
    }
    (listener, peer, patient, waiting)
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_answers_no_ping_is_given_up() {
    let (listener, mut silent, client, waiting) = go_silent(advertising(), 2).await;
    let ping = silent.receive().await.unwrap();
    assert!(Hello::is_asked(ping.header.as_ref().unwrap()));
    let start = tokio::time::Instant::now();
    let error = waiting.join_all().await.remove(0).unwrap_err();
    assert!(error.is_closed() && start.elapsed() <= Duration::from_secs(1), "{error:?}");
    assert!(silent.receive().await.is_none());
    spawn_echo(listener);
    echo(&client, 6).await.unwrap();
}

/// A length that was corrupted on its way: what the server takes for one frame swallows all that follows.
#[tokio::test(start_paused = true)]
async fn a_connection_out_of_step_costs_two_seconds_and_not_the_frame_timeout() {
    let listener = listen().await;
    let client = client(&listener).mux(1).build();
    let calling = spawn_calls(&client, 0..1);
    let mut peer = Peer::accept(&listener).await;
    let call = peer.receive().await.unwrap();
    peer.send(&call, &advertising()).await;
    calling.join_all().await.remove(0).unwrap();
    peer.send_bytes(b"\0\xff\0\0\x10\0").await; // a reply of 16 MiB begins
    let swallow = tokio::spawn(async move { while peer.receive().await.is_some() {} });
    spawn_echo(listener);
    let start = tokio::time::Instant::now();
    while echo(&client, 1).await.is_err() {}
    assert!(start.elapsed() < Duration::from_millis(2500), "{:?}", start.elapsed());
    swallow.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_answers_a_ping_keeps_its_calls() {
    let (_listener, mut slow, client, waiting) = go_silent(advertising(), 2).await;
    let ping = slow.receive().await.unwrap();
    slow.send(&ping, &Answer::default()).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let next = spawn_calls(&client, 6..7);
    let call = slow.receive().await.unwrap();
    slow.send(&call, &Answer::default()).await;
    next.join_all().await.into_iter().for_each(|call| call.unwrap());
    drop(slow);
    assert!(waiting.join_all().await.remove(0).unwrap_err().is_closed(), "it was still waiting");
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_that_knows_no_ping_gets_no_new_calls_there() {
    let (listener, mut slow, client, waiting) = go_silent(Answer::default(), 3).await;
    let next = spawn_calls(&client, 6..7);
    let mut fresh = Peer::accept(&listener).await;
    let call = fresh.receive().await.unwrap();
    fresh.send(&call, &Answer::default()).await;
    next.join_all().await.into_iter().for_each(|call| call.unwrap());
    assert_eq!(waiting.len(), 1, "it still waits on the old connection");
    drop(waiting);
    assert!(slow.receive().await.is_none(), "closed once nobody waited there any more");
}

#[tokio::test]
async fn a_second_reply_to_one_call_reaches_nobody() {
    let listener = listen().await;
    let client = client(&listener).mux(1).build();
    tokio::spawn(async move {
        let mut peer = Peer::accept(&listener).await;
        while let Some(call) = peer.receive().await {
            let twice = Answer::default().to_bytes(&call).repeat(2);
            peer.send_bytes(&twice).await;
        }
    });
    for value in 0..30 {
        echo(&client, value).await.unwrap();
    }
}

#[tokio::test]
async fn replies_to_oneway_calls_are_dropped() {
    let listener = listen().await;
    let client = client(&listener).mux(1).build();
    let server = tokio::spawn(async move {
        let mut peer = Peer::accept(&listener).await;
        let mut count = 0;
        while let Some(call) = peer.receive().await {
            peer.send(&call, &Answer::default()).await;
            count += 1;
        }
        count
    });
    for value in 0..200 {
        client.0.execute(&NOTE, raw(number(value))).await.unwrap();
        echo(&client, value).await.unwrap();
    }
    drop(client);
    assert_eq!(server.await.unwrap(), 400, "all over one connection");
}
