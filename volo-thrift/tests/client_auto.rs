//! Clients go over to multiplexing with the server that offers it, and never with anything that stands in front of it.

mod client_peer;

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use client_peer::{
    Answer, Peer, Plain, call_number, client, client_of, echo, listen,
    service::{Echo, SLOW},
};
use tokio::{sync::oneshot, task::JoinHandle, task::JoinSet};
use tower::util::MapRequestLayer;
use volo_core::{
    Address, Request,
    net::{self, ConnectOptions, Listener},
};
use volo_thrift::{
    Server,
    meta::{Advert, Hello, InstanceId, keys},
    wire::{Header, MessageKind, flag},
};

/// A server that remembers from which ends it was called.
struct Running {
    address: Address,
    callers: Arc<Mutex<HashSet<String>>>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

async fn serve(address: &str) -> Running {
    let callers = Arc::new(Mutex::new(HashSet::new()));
    let seen = callers.clone();
    let layer = MapRequestLayer::new(move |request: Request| {
        let peer = request.context.peer.as_ref().map(|peer| peer.address.to_string());
        seen.lock().unwrap().extend(peer);
        request
    });
    let server = Server::new().add_service(Echo::default()).layer(layer).bind(address).await.unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let address = server.local_address().clone();
    let task = tokio::spawn(server.serve(async { drop(stopped.await) }));
    Running { address, callers, stop, task }
}

impl Running {
    /// How many connections so many calls at a time come over.
    async fn width(&self, client: &Plain, calls: usize) -> usize {
        self.callers.lock().unwrap().clear();
        let call = |_| {
            let client = client.clone();
            async move { call_number(&client, &SLOW, 20).await }
        };
        let calls: JoinSet<_> = (0..calls).map(call).collect();
        calls.join_all().await.into_iter().for_each(|call| assert!(call.is_ok(), "{call:?}"));
        self.callers.lock().unwrap().len()
    }

    async fn stop(self) -> Address {
        let _ = self.stop.send(());
        self.task.await.unwrap();
        self.address
    }
}

/// Calls until all calls share a connection.
async fn upgraded(server: &Running, client: &Plain) {
    for _ in 0..200 {
        if server.width(client, 8).await == 1 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("calls never came over one connection");
}

#[tokio::test]
async fn calls_share_a_connection_once_the_server_offers_it() {
    let path = std::env::temp_dir().join(format!("volo-client-auto-{}.sock", std::process::id()));
    for address in ["127.0.0.1:0".to_owned(), "[::1]:0".to_owned(), "localhost".to_owned()] {
        let server = serve(address.strip_suffix("localhost").map_or(&*address, |_| "127.0.0.1:0")).await;
        let name = match (&*address, &server.address) {
            ("localhost", Address::Tcp(at)) => Address::Host("localhost".into(), at.port()),
            (_, known) => known.clone(),
        };
        let client = client_of(name).build();
        echo(&client, 1).await.unwrap();
        upgraded(&server, &client).await;
        let single = client_of(server.address.clone()).pingpong().build();
        assert!(server.width(&single, 8).await > 1);
        let framed = client_of(server.address.clone()).framed().build();
        echo(&framed, 1).await.unwrap();
        assert!(server.width(&framed, 8).await > 1);
    }
    // Unix and in-process connections have no ports to be told apart by; they only must work.
    for address in [format!("unix://{}", path.display()), "mem://client-auto".to_owned()] {
        let server = serve(&address).await;
        let client = client_of(server.address.clone()).build();
        for value in 0..200 {
            echo(&client, value).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_restarted_server_is_found_again() {
    let server = serve("127.0.0.1:0").await;
    let client = client_of(server.address.clone()).build();
    upgraded(&server, &client).await;
    let address = server.stop().await;
    let server = serve(&address.to_string()).await;
    echo(&client, 1).await.unwrap();
    upgraded(&server, &client).await;
}

#[tokio::test]
async fn calls_during_a_shutdown_are_answered_or_were_not_executed() {
    for _ in 0..5 {
        let server = serve("127.0.0.1:0").await;
        let client = client_of(server.address.clone()).build();
        upgraded(&server, &client).await;
        let call = |_| {
            let client = client.clone();
            async move {
                let mut done = 0;
                loop {
                    match call_number(&client, &SLOW, 1).await {
                        Ok(_) => done += 1,
                        Err(error) => {
                            assert_eq!(error.retry(), volo_core::Retry::Always, "{error:?}");
                            return done;
                        }
                    }
                }
            }
        };
        let calls: JoinSet<usize> = (0..16).map(call).collect();
        tokio::time::sleep(Duration::from_millis(20)).await;
        server.stop().await;
        assert!(calls.join_all().await.into_iter().sum::<usize>() > 0);
    }
}

/// What came through a proxy.
#[derive(Debug, Default)]
struct Traffic {
    calls: usize,
    flagged: usize,
    hellos: usize,
}

/// How a proxy in front of replicas works.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// Each connection goes to one replica, and nothing is changed.
    PerConnection,
    /// Each call goes to another replica, headers are copied, sequence ids are the proxy's own.
    PerCall,
}

fn patient() -> ConnectOptions {
    ConnectOptions { connect_timeout: Duration::from_secs(5), ..ConnectOptions::default() }
}

async fn proxy(listener: Listener, replicas: Vec<Address>, kind: Kind, traffic: Arc<Mutex<Traffic>>) {
    for turn in 0.. {
        let peer = Peer::accept(&listener).await;
        tokio::spawn(pass_on(peer, replicas.clone(), kind, turn, traffic.clone()));
    }
}

async fn pass_on(
    mut client: Peer,
    replicas: Vec<Address>,
    kind: Kind,
    turn: usize,
    traffic: Arc<Mutex<Traffic>>,
) {
    let mut servers = Vec::new();
    for replica in &replicas {
        servers.push(Peer::new(net::connect(replica, &patient()).await.unwrap()));
    }
    let mut next = turn;
    while let Some(call) = client.receive().await {
        let header = call.header.clone().unwrap_or_default();
        {
            let mut traffic = traffic.lock().unwrap();
            traffic.calls += 1;
            traffic.flagged += usize::from(header.flags & flag::OUT_OF_ORDER != 0);
            traffic.hellos += usize::from(header.string(keys::HELLO).is_some());
        }
        let sequence_id = if kind == Kind::PerCall { next as i32 + 1 } else { call.head.sequence_id };
        let there = Answer {
            kind: call.head.kind,
            sequence_id: Some(sequence_id),
            header: Header::clone(&header),
            ..Answer::default()
        };
        let count = servers.len();
        let server = &mut servers[next % count];
        server.send(&call, &there).await;
        let reply = server.receive().await.unwrap();
        let back = Answer {
            kind: reply.head.kind,
            sequence_id: Some(call.head.sequence_id),
            header: reply.header.as_deref().cloned().unwrap_or_default(),
            ..Answer::default()
        };
        client.send(&reply, &back).await;
        next += usize::from(kind == Kind::PerCall);
    }
}

#[tokio::test]
async fn a_proxy_is_never_taken_for_the_server() {
    for kind in [Kind::PerConnection, Kind::PerCall] {
        for replicas in [1, 2] {
            let mut servers = Vec::new();
            for _ in 0..replicas {
                servers.push(serve("127.0.0.1:0").await);
            }
            let listener = listen().await;
            let client = client(&listener).build();
            let addresses = servers.iter().map(|server| server.address.clone()).collect();
            let traffic = Arc::new(Mutex::new(Traffic::default()));
            tokio::spawn(proxy(listener, addresses, kind, traffic.clone()));
            for round in 0..10 {
                let call = |value| {
                    let client = client.clone();
                    async move { echo(&client, value).await }
                };
                let calls: JoinSet<_> = (round * 10..round * 10 + 10).map(call).collect();
                calls.join_all().await.into_iter().for_each(|call| call.unwrap());
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            let traffic = traffic.lock().unwrap();
            assert!(traffic.hellos > 0 && traffic.calls > 100, "the advert came through: {traffic:?}");
            assert_eq!(traffic.flagged, 0, "{kind:?}, {replicas} replicas: {traffic:?}");
        }
    }
}

fn with(key: &'static str, value: impl Into<faststr::FastStr>) -> Answer {
    let header = Header { strings: vec![(key.into(), value.into())], ..Header::default() };
    Answer { header, ..Answer::default() }
}

/// Answers a call with an advert, and the hello on a second connection with what `say` makes of the right answer.
/// Gives whether the next call came over that second connection.
async fn is_trusted(say: impl Fn(Hello) -> Option<String>) -> bool {
    let listener = listen().await;
    let client = client(&listener).build();
    let first = tokio::spawn({
        let client = client.clone();
        async move { echo(&client, 1).await.unwrap() }
    });
    let instance = InstanceId::random();
    let mut one = Peer::accept(&listener).await;
    let call = one.receive().await.unwrap();
    assert!(Advert::is_wanted(call.header.as_ref().unwrap()), "the client announced itself");
    one.send(&call, &with(keys::ADVERT, Advert { mux: true, near: None, instance }.to_text())).await;
    first.await.unwrap();

    let link = listener.accept().await.unwrap();
    let hello = Hello::new(instance, &link.profile().peer);
    let mut two = Peer::new(link);
    let question = two.receive().await.unwrap();
    assert!(Hello::is_asked(question.header.as_ref().unwrap()));
    match say(hello) {
        Some(text) => two.send(&question, &with(keys::HELLO, text)).await,
        None => two.send(&question, &Answer { kind: MessageKind::Exception, ..Answer::default() }).await,
    };
    let calls = tokio::spawn(async move {
        for value in 2.. {
            if echo(&client, value).await.is_err() {
                return;
            }
        }
    });
    let trusted = loop {
        tokio::select! {
            call = one.receive() => {
                let call = call.unwrap();
                assert_eq!(call.header.as_ref().unwrap().flags, 0);
                one.send(&call, &Answer::default()).await;
            }
            call = two.receive() => match call {
                Some(call) => break call.header.unwrap().flags == flag::OUT_OF_ORDER,
                None => break false,
            }
        }
    };
    calls.abort();
    trusted
}

#[tokio::test]
async fn only_the_advertising_server_gets_multiplexed_calls() {
    assert!(is_trusted(|hello| Some(hello.to_text().into())).await);
    let other = |hello: Hello| Hello { instance: InstanceId::random(), ..hello };
    assert!(!is_trusted(|hello| Some(other(hello).to_text().into())).await, "another server");
    let elsewhere = |hello| Hello { end: "127.0.0.1 1".to_owned(), ..hello };
    assert!(!is_trusted(|hello| Some(elsewhere(hello).to_text().into())).await, "another connection");
    for odd in ["", ";", "?"] {
        assert!(!is_trusted(|_| Some(odd.to_owned())).await);
    }
    assert!(!is_trusted(|_| None).await, "one that knows no hello");
}

#[tokio::test]
async fn who_does_not_announce_itself_gets_no_advert() {
    let server = serve("127.0.0.1:0").await;
    let mut peer = Peer::new(net::connect(&server.address, &patient()).await.unwrap());
    let listener = listen().await;
    let quiet = client(&listener).pingpong().build();
    let _call = tokio::spawn(async move { echo(&quiet, 1).await });
    let call = Peer::accept(&listener).await.receive().await.unwrap();
    let plain = Answer {
        kind: MessageKind::Call,
        header: call.header.as_deref().cloned().unwrap(),
        ..Answer::default()
    };
    peer.send(&call, &plain).await;
    assert_eq!(peer.receive().await.unwrap().header.unwrap().strings, []);
    let mut announced = plain;
    announced.header.strings.push((keys::ANNOUNCE.into(), Advert::ANNOUNCEMENT));
    peer.send(&call, &announced).await;
    assert!(Advert::read(&peer.receive().await.unwrap().header.unwrap()).is_some_and(|advert| advert.mux));
}
