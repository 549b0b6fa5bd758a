//! One call at a time per connection: which connections are used again, and which never.

mod client_peer;

use std::time::Duration;

use bytes::Bytes;
use client_peer::{Answer, ECHO, Peer, Plain, client, echo, listen, listen_mem, number, raw, spawn_echo};
use volo_core::{Outcome, net::Listener};
use volo_thrift::{
    ApplicationException, ApplicationKind,
    meta::keys,
    wire::{Header, MessageKind},
};

/// Answers the first call with `answer`, then echoes; gives how many connections it took for two calls.
async fn connections_for(
    listener: Listener,
    client: &Plain,
    answer: Answer,
) -> (Result<Outcome, volo_core::Error>, u32) {
    let server = tokio::spawn(async move {
        let mut first = Peer::accept(&listener).await;
        let call = first.receive().await.unwrap();
        first.send(&call, &answer).await;
        tokio::select! {
            _ = listener.accept() => panic!("accepted, but not served"),
            call = first.receive() => match call {
                Some(call) => first.send(&call, &Answer::default()).await.then_some(1),
                None => {
                    let mut second = Peer::accept(&listener).await;
                    let call = second.receive().await.unwrap();
                    second.send(&call, &Answer::default()).await.then_some(2)
                }
            }
        }
    });
    let first = client.0.execute(&ECHO, raw(number(1))).await.map(|response| response.outcome());
    tokio::task::yield_now().await;
    echo(client, 2).await.unwrap();
    (first, server.await.unwrap().unwrap())
}

async fn check(answer: Answer) -> (Result<Outcome, volo_core::Error>, u32) {
    let listener = listen_mem().await;
    let client = client(&listener).build();
    connections_for(listener, &client, answer).await
}

fn kind_of(error: &volo_core::Error) -> Option<ApplicationKind> {
    let source = std::error::Error::source(error)?;
    source.downcast_ref::<ApplicationException>().map(ApplicationException::kind)
}

#[tokio::test]
async fn a_fitting_reply_keeps_the_connection() {
    let (outcome, connections) = check(Answer::default()).await;
    assert_eq!((outcome.unwrap(), connections), (Outcome::Success, 1));
}

/// Only a call that was on its way can cross the farewell, but then it was not executed.
#[tokio::test]
async fn a_call_that_meets_a_farewell_goes_to_another_connection() {
    let strings = [keys::CLOSING, keys::NOT_EXECUTED].map(|key| (key.into(), "1".into())).to_vec();
    let header = Header { strings, ..Header::default() };
    let body = Some(Bytes::from_static(&[0]));
    let farewell = Answer { name: Some("none"), sequence_id: Some(0), header, body, ..Answer::default() };
    for first in [true, false] {
        let listener = listen_mem().await;
        let client = client(&listener).pingpong().build();
        let farewell = farewell.clone();
        let server = tokio::spawn(async move {
            let mut peer = Peer::accept(&listener).await;
            if !first {
                let call = peer.receive().await.unwrap();
                peer.send(&call, &Answer::default()).await;
            }
            let call = peer.receive().await.unwrap();
            peer.send(&call, &farewell).await;
            drop(peer);
            let peer = Peer::accept(&listener).await;
            peer.echo_all().await
        });
        if !first {
            echo(&client, 1).await.unwrap();
        }
        echo(&client, 2).await.unwrap();
        drop(client);
        assert_eq!(server.await.unwrap(), 1);
    }
}

#[tokio::test]
async fn a_reply_that_does_not_fit_costs_the_connection() {
    let cases = [
        (Answer { sequence_id: Some(7), ..Answer::default() }, ApplicationKind::BAD_SEQUENCE_ID),
        (Answer { name: Some("other"), ..Answer::default() }, ApplicationKind::WRONG_METHOD_NAME),
        (Answer { kind: MessageKind::Call, ..Answer::default() }, ApplicationKind::INVALID_MESSAGE_TYPE),
        (Answer { kind: MessageKind::Oneway, ..Answer::default() }, ApplicationKind::INVALID_MESSAGE_TYPE),
    ];
    for (answer, kind) in cases {
        let (outcome, connections) = check(answer).await;
        let error = outcome.unwrap_err();
        assert!(error.is_protocol(), "{error:?}");
        assert_eq!((kind_of(&error), connections), (Some(kind), 2));
    }
}

#[tokio::test]
async fn a_declining_header_ends_the_use_of_the_connection() {
    let header = Header { strings: vec![("crrst".into(), "1".into())], ..Header::default() };
    let (outcome, connections) = check(Answer { header, ..Answer::default() }).await;
    assert_eq!((outcome.unwrap(), connections), (Outcome::Success, 2));
}

#[tokio::test]
async fn a_second_reply_is_seen_before_the_next_call() {
    let listener = listen().await;
    let client = client(&listener).build();
    let server = tokio::spawn(async move {
        let mut first = Peer::accept(&listener).await;
        let call = first.receive().await.unwrap();
        let twice = Answer::default().to_bytes(&call).repeat(2);
        first.send_bytes(&twice).await;
        Peer::accept(&listener).await.echo_all().await
    });
    echo(&client, 1).await.unwrap();
    echo(&client, 2).await.unwrap();
    drop(client);
    assert_eq!(server.await.unwrap(), 1);
}

#[tokio::test]
async fn a_connection_closed_while_idle_is_replaced_unseen() {
    let listener = listen().await;
    let client = client(&listener).build();
    tokio::spawn(async move {
        loop {
            let mut peer = Peer::accept(&listener).await;
            let call = peer.receive().await.unwrap();
            peer.send(&call, &Answer::default()).await;
        }
    });
    for value in 0..50 {
        echo(&client, value).await.unwrap();
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_dropped_call_takes_its_connection_with_it() {
    let listener = listen().await;
    let client = client(&listener).build();
    let server = tokio::spawn(async move {
        let mut first = Peer::accept(&listener).await;
        first.receive().await.unwrap();
        assert!(first.receive().await.is_none(), "closed by the client");
        Peer::accept(&listener).await.echo_all().await
    });
    let dropped = tokio::time::timeout(Duration::from_millis(50), echo(&client, 1)).await;
    assert!(dropped.is_err());
    echo(&client, 2).await.unwrap();
    drop(client);
    assert_eq!(server.await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_costs_one_timeout() {
    let listener = listen_mem().await;
    let client = client(&listener).build();
    tokio::spawn(async move {
        let mut silent = Peer::accept(&listener).await;
        silent.receive().await.unwrap();
        assert!(silent.receive().await.is_none(), "closed by the client");
        spawn_echo(listener);
    });
    let start = tokio::time::Instant::now();
    let error = echo(&client, 1).await.unwrap_err();
    assert!(error.is_timeout() && error.origin() != volo_core::Origin::Peer, "{error:?}");
    let waited = start.elapsed().as_millis();
    assert!((1000..1010).contains(&waited), "{waited} ms");
    echo(&client, 2).await.unwrap();
}

#[tokio::test]
async fn nobody_listening_is_an_error_that_allows_a_retry() {
    let listener = listen().await;
    let client = client(&listener).build();
    drop(listener);
    let error = echo(&client, 1).await.unwrap_err();
    assert!(error.is_connect() && error.retry() == volo_core::Retry::Always, "{error:?}");
}
