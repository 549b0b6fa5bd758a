//! Client and server together.

mod client_peer;

use std::time::Duration;

use client_peer::{
    Plain, call_number, client_of, echo,
    service::{BUDGET, Echo, FAIL, FORWARD, Running, SLOW, serve},
};
use tokio::task::JoinSet;
use volo_core::Context;
use volo_thrift::{CallOpt, ClientBuilder, ClientError, Method};

type Setting = fn(ClientBuilder<Plain>) -> ClientBuilder<Plain>;

const SETTINGS: [(&str, Setting); 4] = [
    ("ttheader", |builder| builder),
    ("framed", |builder| builder.framed()),
    ("buffered", |builder| builder.buffered()),
    ("mux", |builder| builder.mux(1)),
];

/// A server on TCP and its clients in every setting.
async fn pair() -> (Running, Vec<(&'static str, Plain)>) {
    let server = serve(Echo::default(), "127.0.0.1:0").await;
    let client = |(name, setting): (_, Setting)| (name, setting(client_of(server.address.clone())).build());
    let clients = SETTINGS.map(client).into();
    (server, clients)
}

#[tokio::test]
async fn calls_are_answered() {
    let (_server, clients) = pair().await;
    for (name, client) in clients {
        for value in 0..20 {
            echo(&client, value).await.unwrap_or_else(|error| panic!("{name}: {error:?}"));
        }
    }
}

#[tokio::test]
async fn failures_keep_their_kind() {
    let (_server, clients) = pair().await;
    static UNKNOWN: Method = Method { service: "Echo", name: "unknown", oneway: false, idempotent: false };
    for (name, client) in clients {
        let panicked = call_number(&client, &FAIL, 0).await.unwrap_err();
        assert!(matches!(&panicked, ClientError::Application(e) if e.kind().0 == 6), "{name}: {panicked:?}");
        let biz = call_number(&client, &FAIL, 1).await.unwrap_err();
        match (&biz, name) {
            (ClientError::Biz(biz), "ttheader" | "mux") => {
                assert_eq!((biz.status_code, biz.status_message.as_str()), (7, "sold out"));
            }
            (ClientError::Application(_), "framed" | "buffered") => {} // there is no header to carry a status
            _ => panic!("{name}: {biz:?}"),
        }
        let failed = call_number(&client, &FAIL, 2).await.unwrap_err();
        let ClientError::Application(exception) = &failed else { panic!("{name}: {failed:?}") };
        assert!(exception.kind().0 == 6 && exception.message().contains("broken"), "{exception:?}");
        let unknown = call_number(&client, &UNKNOWN, 1).await.unwrap_err();
        assert!(matches!(&unknown, ClientError::Application(e) if e.kind().0 == 1), "{name}: {unknown:?}");
        echo(&client, 1).await.unwrap();
    }
}

#[tokio::test]
async fn slow_calls_overlap_when_multiplexed() {
    let server = serve(Echo::default(), "127.0.0.1:0").await;
    let client = client_of(server.address.clone()).mux(1).build();
    let start = std::time::Instant::now();
    let call = |_| {
        let client = client.clone();
        async move { call_number(&client, &SLOW, 100).await }
    };
    let calls: JoinSet<_> = (0..50).map(call).collect();
    calls.join_all().await.into_iter().for_each(|call| assert!(call.is_ok()));
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
}

#[tokio::test]
async fn the_budget_travels_with_the_call() {
    let server = serve(Echo::default(), "127.0.0.1:0").await;
    for mux in [0, 1] {
        let client = client_of(server.address.clone()).mux(mux).build();
        let left = call_number(&client, &BUDGET, 0).await.unwrap();
        assert!((500..=1000).contains(&left), "{left} ms");
        let options = CallOpt { timeout: Some(Duration::from_millis(300)), ..CallOpt::default() };
        let left = call_number(&Plain(client.0.with_callopt(options)), &BUDGET, 0).await.unwrap();
        assert!((100..=300).contains(&left), "{left} ms");
        let patient = client_of(server.address.clone()).mux(mux).rpc_timeout(None).build();
        assert_eq!(call_number(&patient, &BUDGET, 0).await.unwrap(), -1);
    }
}

#[tokio::test]
async fn a_nested_call_has_what_is_left_of_its_parents_budget() {
    let server = serve(Echo::default(), "127.0.0.1:0").await;
    let client = client_of(server.address.clone()).build();
    let mut parent = Context::new("Shop", "sell");
    parent.deadline = Some(std::time::Instant::now() + Duration::from_millis(200));
    let (mut parent, left) = parent.scope(call_number(&client, &BUDGET, 0)).await;
    assert!((1..=200).contains(&left.unwrap()));
    parent.deadline = Some(std::time::Instant::now());
    let (_, late) = parent.scope(echo(&client, 1)).await;
    assert!(late.unwrap_err().is_timeout());
}

#[tokio::test]
async fn metainfo_goes_through_three_hops_and_back() {
    let last = serve(Echo::default(), "127.0.0.1:0").await;
    let next = Some(client_of(last.address.clone()).mux(1).build());
    let middle = serve(Echo { next }, "127.0.0.1:0").await;
    let client = client_of(middle.address.clone()).build();
    let mut context = Context::new("Shop", "sell");
    context.metainfo_mut().persistent.set("trace", "t1");
    context.metainfo_mut().transient.set("hop", "h1");
    let (context, reply) = context.scope(call_number(&client, &FORWARD, 5)).await;
    assert_eq!(reply.unwrap(), 6);
    // Persistent metainfo reached the last hop, transient only the next one; the answer came back through both.
    assert_eq!(context.metainfo().unwrap().downstream.get("seen").unwrap(), "t1+!");
}

#[tokio::test]
async fn an_address_can_differ_per_call() {
    let (one, other) =
        (serve(Echo::default(), "127.0.0.1:0").await, serve(Echo::default(), "127.0.0.1:0").await);
    for mux in [0, 1] {
        let client = client_of(one.address.clone()).mux(mux).build();
        echo(&client, 1).await.unwrap();
        let options = CallOpt { address: Some(other.address.clone()), ..CallOpt::default() };
        echo(&Plain(client.0.with_callopt(options)), 2).await.unwrap();
    }
}

#[tokio::test]
async fn a_client_without_a_valid_address_says_so() {
    let none: Plain = ClientBuilder::new("echo").build();
    assert_eq!(echo(&none, 1).await.unwrap_err().to_string(), "the client has no address to call");
    let wrong: Plain = ClientBuilder::new("echo").address("nowhere").build();
    assert!(echo(&wrong, 1).await.unwrap_err().to_string().contains("`nowhere` is not an address"));
}
