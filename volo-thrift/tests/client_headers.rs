//! What a client says in its headers, and what it understands in those of others.

mod client_peer;

use std::time::Duration;

use bytes::Bytes;
use client_peer::{
    Answer, ECHO, Peer, Plain, call_number, client, client_of, echo, listen, number,
    service::{Echo, serve},
    spawn_echo,
};
use volo_core::{Context, Outcome, Retry, layers::retry::RetryConfig};
use volo_thrift::{
    ClientBuilder, ClientError,
    meta::{Advert, InstanceId, keys},
    wire::{Framing, Header, Incoming, MessageKind},
};

/// Makes one call; gives what the peer saw of it and what the caller got for `answer`.
async fn exchange(
    setting: impl Fn(ClientBuilder<Plain>) -> ClientBuilder<Plain>,
    context: Context,
    answer: Answer,
) -> (Incoming, Context, Result<i64, ClientError>) {
    let listener = listen().await;
    let client = setting(client(&listener)).build();
    let calling = tokio::spawn(context.scope(async move { call_number(&client, &ECHO, 7).await }));
    let mut peer = Peer::accept(&listener).await;
    let call = peer.receive().await.unwrap();
    peer.send(&call, &answer).await;
    let (context, result) = calling.await.unwrap();
    (call, context, result)
}

fn strings(pairs: &[(&'static str, &'static str)]) -> Header {
    let strings = pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    Header { strings, ..Header::default() }
}

fn exception(pairs: &[(&'static str, &'static str)]) -> Answer {
    let body = b"\x0b\0\x01\0\0\0\x04busy\x08\0\x02\0\0\0\x06\0";
    let body = Some(Bytes::from_static(body));
    Answer { kind: MessageKind::Exception, header: strings(pairs), body, ..Answer::default() }
}

#[tokio::test]
async fn a_call_says_who_whom_until_when_and_with_what() {
    let mut context = Context::new("Shop", "sell");
    context.metainfo_mut().persistent.set("P", "1");
    context.metainfo_mut().transient.set("T", "2");
    context.metainfo_mut().transient.set(keys::ACL_TOKEN, "tok");
    context.metainfo_mut().upstream.set("U", "3");
    let setting = |builder: ClientBuilder<Plain>| {
        builder.caller_name("shop").connect_timeout(Duration::from_millis(4500)).pingpong()
    };
    let (call, _, result) = exchange(setting, context, Answer::default()).await;
    assert_eq!(result.unwrap(), 7);
    let header = call.header.unwrap();
    let integers: Vec<_> = header.integers.iter().map(|(key, value)| (*key, value.as_str())).collect();
    let [method, kind, from, to, connect, (12, budget)] = integers[..] else { panic!("{integers:?}") };
    assert_eq!((method, kind, from, to), ((9, "echo"), (22, "1"), (3, "shop"), (6, "echo")));
    assert_eq!(connect, (17, "4500"));
    assert!((1..=1000).contains(&budget.parse().unwrap()), "{budget}");
    let known =
        [("isn", "Echo"), ("RPC_PERSIST_P", "1"), ("RPC_TRANSIT_T", "2"), ("volo-announce", "farewell")];
    let expected = strings(&known).strings;
    assert_eq!((header.strings.clone(), header.acl_token.as_deref()), (expected, Some("tok")));
}

#[tokio::test]
async fn only_the_first_call_of_a_connection_announces_the_client() {
    let listener = listen().await;
    let client = client(&listener).build();
    let calling = tokio::spawn(async move {
        for value in 0..3 {
            echo(&client, value).await.unwrap();
        }
    });
    let mut peer = Peer::accept(&listener).await;
    let mut announced = Vec::new();
    for _ in 0..3 {
        let call = peer.receive().await.unwrap();
        announced.push(Advert::is_wanted(call.header.as_ref().unwrap()));
        peer.send(&call, &Answer::default()).await;
    }
    calling.await.unwrap();
    assert_eq!(announced, [true, false, false]);
}

#[tokio::test]
async fn a_second_length_goes_along_if_wanted() {
    let (call, _, result) =
        exchange(ClientBuilder::ttheader_framed, Context::default(), Answer::default()).await;
    assert_eq!((call.dialect.framing, result.unwrap()), (Framing::TtHeaderFramed, 7));
}

#[tokio::test]
async fn a_business_status_is_read_as_kitex_and_as_volo_send_it() {
    let status = [("biz-status", "42"), ("biz-message", "sold out"), ("biz-extra", "{\"k\":\"v\"}")];
    let reply =
        Answer { header: strings(&status), body: Some(Bytes::from_static(&[0])), ..Answer::default() };
    for answer in [reply, exception(&status)] {
        let (_, _, result) = exchange(|builder| builder, Context::default(), answer).await;
        let Err(ClientError::Biz(biz)) = result else { panic!("{result:?}") };
        assert_eq!(
            (biz.status_code, biz.status_message.as_str(), &biz.extra["k"][..]),
            (42, "sold out", "v")
        );
    }
}

#[tokio::test]
async fn a_refused_call_may_be_sent_again() {
    for (pairs, retry) in [(&[("volo-not-executed", "1")][..], Retry::Always), (&[], Retry::Never)] {
        let once = |builder: ClientBuilder<Plain>| builder.retry(RetryConfig::never());
        let (_, _, result) = exchange(once, Context::default(), exception(pairs)).await;
        let error = result.unwrap_err();
        assert!(matches!(&error, ClientError::Application(e) if e.message() == "busy"), "{error:?}");
        assert_eq!(error.retry(), retry);
    }
    let listener = listen().await;
    let client = client(&listener).retry(RetryConfig::never()).build();
    let calling = tokio::spawn(async move { client.0.execute(&ECHO, client_peer::raw(number(1))).await });
    let mut peer = Peer::accept(&listener).await;
    let call = peer.receive().await.unwrap();
    peer.send(&call, &exception(&[("volo-not-executed", "1")])).await;
    let response = calling.await.unwrap().unwrap();
    assert_eq!(
        (response.outcome(), response.retry()),
        (Outcome::Failed(6), Retry::Always),
        "for retry layers"
    );
}

#[tokio::test]
async fn what_comes_back_is_left_to_the_caller() {
    let mut header = strings(&[("RPC_BACKWARD_A", "1"), ("B", "2"), ("RPC_PERSIST_C", "3"), ("crrst", "0")]);
    header.integers.push((keys::MESSAGE_TYPE, "\u{2}".into())); // as Volo's servers write it
    let answer = Answer { header, ..Answer::default() };
    let (_, context, result) = exchange(|builder| builder, Context::new("Shop", "sell"), answer).await;
    assert_eq!(result.unwrap(), 7);
    let downstream = &context.metainfo().unwrap().downstream;
    let pairs: Vec<_> = downstream.iter().map(|(key, value)| format!("{key}={value}")).collect();
    assert_eq!(pairs, ["A=1", "B=2"]);
}

#[tokio::test]
async fn multiplexed_names_reach_the_service() {
    let setting: [fn(ClientBuilder<Plain>) -> ClientBuilder<Plain>; 3] =
        [ClientBuilder::buffered, ClientBuilder::framed, ClientBuilder::ttheader];
    let server = serve(Echo::default(), "127.0.0.1:0").await;
    for setting in setting {
        let named = |builder| setting(builder).multiplexed();
        let bare = Answer { name: Some("echo"), ..Answer::default() }; // as Apache's servers answer
        for answer in [bare, Answer::default()] {
            let (call, _, result) = exchange(named, Context::default(), answer).await;
            assert_eq!((call.head.name.as_str(), result.unwrap()), ("Echo:echo", 7));
        }
        let client = named(client_of(server.address.clone())).build();
        for value in 0..10 {
            echo(&client, value).await.unwrap();
        }
    }
}

#[tokio::test]
async fn exceptions_keep_their_type_and_text() {
    for kind in [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20, 21, 99] {
        let mut answer = exception(&[]);
        let mut body = answer.body.unwrap().to_vec();
        let at = body.len() - 2;
        body[at] = kind;
        answer.body = Some(body.into());
        let (_, _, result) = exchange(|builder| builder, Context::default(), answer).await;
        let Err(ClientError::Application(exception)) = result else { panic!("{result:?}") };
        assert_eq!((exception.kind().0, exception.message().as_str()), (i32::from(kind), "busy"));
    }
}

#[tokio::test]
async fn payloads_are_checked_both_ways() {
    let server = serve(Echo::default(), "127.0.0.1:0").await;
    for setting in [ClientBuilder::ttheader, ClientBuilder::ttheader_framed] {
        for mux in [0, 1] {
            let client = setting(client_of(server.address.clone())).checksums().mux(mux).build();
            for value in 0..10 {
                echo(&client, value).await.unwrap();
            }
        }
    }
    let checksum = Answer { header: Header { checksum: true, ..Header::default() }, ..Answer::default() };
    let (call, _, result) = exchange(ClientBuilder::checksums, Context::default(), checksum).await;
    let header = call.header.unwrap();
    assert!(header.checksum && header.string("crc32c").is_none());
    assert_eq!(result.unwrap(), 7);

    let framed = client_of(server.address.clone()).framed().checksums().build();
    assert_eq!(echo(&framed, 1).await.unwrap_err().to_string(), "checksums need TTHeader");
}

fn checked() -> Header {
    Header { checksum: true, ..Header::default() }
}

/// Behind bytes that were changed nothing can be relied on, not even where the next message begins.
#[tokio::test]
async fn a_damaged_reply_ends_its_connection() {
    for mux in [0, 1] {
        let listener = listen().await;
        let client = client(&listener).mux(mux).build();
        let calling = tokio::spawn({
            let client = client.clone();
            async move { echo(&client, 1).await }
        });
        let mut peer = Peer::accept(&listener).await;
        let call = peer.receive().await.unwrap();
        let header = checked();
        let mut bytes = Answer { header, ..Answer::default() }.to_bytes(&call);
        let at = bytes.len() - 3;
        bytes[at] ^= 4;
        peer.send_bytes(&bytes).await;
        let error = calling.await.unwrap().unwrap_err();
        let chain = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
        let cause = chain.last().unwrap().to_string();
        assert!(error.is_protocol() && cause.starts_with("payload was damaged"), "{error:?}");
        assert!(peer.receive().await.is_none());
        spawn_echo(listener);
        echo(&client, 2).await.unwrap();
    }
}

/// Whether calls carry checksums that share a connection to a peer which answers under this header.
async fn checksums(header: Header) -> [bool; 3] {
    let listener = listen().await;
    let client = client(&listener).mux(1).build();
    let calling = tokio::spawn(async move {
        for value in 0..3 {
            echo(&client, value).await.unwrap();
        }
    });
    let (mut peer, mut found) = (Peer::accept(&listener).await, [false; 3]);
    for found in &mut found {
        let call = peer.receive().await.unwrap();
        *found = call.header.as_ref().unwrap().checksum;
        peer.send(&call, &Answer { header: header.clone(), ..Answer::default() }).await;
    }
    calling.await.unwrap();
    found
}

#[tokio::test]
async fn calls_that_share_a_connection_carry_checksums_unless_the_peer_has_none() {
    assert_eq!(checksums(checked()).await, [true; 3]);
    assert_eq!(checksums(Header::default()).await, [true, false, false]);
    let advert = Advert { mux: true, instance: InstanceId::random(), near: None }.to_text();
    let ours = Header { strings: vec![(keys::ADVERT.into(), advert)], ..Header::default() };
    assert_eq!(checksums(ours).await, [true; 3], "one of ours has some in the end");
    for mux in [0, 1] {
        let setting = |builder: ClientBuilder<Plain>| builder.mux(mux);
        let (call, _, _) = exchange(setting, Context::default(), Answer::default()).await;
        assert_eq!(call.header.unwrap().checksum, mux == 1);
    }
}
