//! Calls over TLS: who called is known to handlers, who answered to callers, and connections are shared as over TCP.
#![cfg(feature = "tls")]

#[path = "../../volo-core/tests/certificates/mod.rs"]
mod certificates;
mod client_peer;

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
};

use certificates::Authority;
use client_peer::{
    ECHO, Plain, call_number, client_of, echo, number, raw,
    service::{Echo, SLOW},
};
use tokio::task::JoinSet;
use tower::util::MapRequestLayer;
use volo_core::{Address, Peer, Request, net::TlsServer};
use volo_thrift::Server;

/// A server that remembers who called.
async fn serve(tls: TlsServer) -> (Address, Arc<Mutex<Vec<Arc<Peer>>>>) {
    let callers: Arc<Mutex<Vec<Arc<Peer>>>> = Arc::default();
    let seen = callers.clone();
    let layer = MapRequestLayer::new(move |request: Request| {
        seen.lock().unwrap().extend(request.context.peer.clone());
        request
    });
    let server = Server::new().add_service(Echo::default()).layer(layer).tls(tls);
    let server = server.bind("tls://127.0.0.1:0").await.unwrap();
    let address = server.local_address().clone();
    tokio::spawn(server.serve(std::future::pending()));
    (address, callers)
}

#[tokio::test]
async fn both_ends_know_each_other_by_certificate() {
    let authority = Authority::new();
    let (address, callers) = serve(authority.server().tls().client_roots(authority.root())).await;
    let (certificate, key) = authority.caller("spiffe://shop/ordering").pair();
    let tls = authority.client().identity(certificate, key);
    for builder in
        [client_of(address.clone()), client_of(address.clone()).framed(), client_of(address.clone()).mux(1)]
    {
        let client: Plain = builder.tls(tls.clone()).build();
        for value in 0..3 {
            echo(&client, value).await.unwrap();
        }
        let response = client.0.execute(&ECHO, raw(number(1))).await.unwrap();
        let callee = response.context.peer.clone().unwrap();
        assert_eq!((&callee.address, callee.transport), (&address, Some("tls")));
        assert!(callee.certificate.as_ref().unwrap().dns_names.contains(&"localhost".into()));
    }
    for caller in callers.lock().unwrap().iter() {
        assert_eq!(caller.transport, Some("tls"));
        assert_eq!(caller.certificate.as_ref().unwrap().uris, ["spiffe://shop/ordering"]);
    }
    let stranger: Plain = client_of(address).tls(authority.client()).build();
    let error = echo(&stranger, 1).await.unwrap_err();
    assert!(format!("{error:?}").contains("CertificateRequired"), "{error:?}");
}

#[tokio::test]
async fn calls_share_an_encrypted_connection() {
    let authority = Authority::new();
    let (address, callers) = serve(authority.server().tls()).await;
    let client: Plain = client_of(address).tls(authority.client()).build();
    for _ in 0..200 {
        callers.lock().unwrap().clear();
        let call = |_| {
            let client = client.clone();
            async move { call_number(&client, &SLOW, 20).await.unwrap() }
        };
        (0..8).map(call).collect::<JoinSet<_>>().join_all().await;
        let ends: HashSet<String> =
            callers.lock().unwrap().iter().map(|caller| caller.address.to_string()).collect();
        if ends.len() == 1 {
            return;
        }
    }
    panic!("calls never came over one connection");
}

#[tokio::test]
async fn a_server_that_is_not_trusted_gets_no_call() {
    let authority = Authority::new();
    let (address, callers) = serve(authority.server().tls()).await;
    let client: Plain = client_of(address.clone()).tls(Authority::new().client()).build();
    let error = echo(&client, 1).await.unwrap_err();
    assert!(error.is_connect() && error.to_string().contains("no TLS connection"), "{error:?}");
    assert!(format!("{error:?}").contains("UnknownIssuer"), "{error:?}");
    assert!(callers.lock().unwrap().is_empty());
    let Address::Tls(_, port) = address else { unreachable!() };
    let plain: Plain = client_of(format!("127.0.0.1:{port}").parse().unwrap()).build();
    assert!(echo(&plain, 1).await.is_err(), "plain calls are not served");
    assert!(callers.lock().unwrap().is_empty());
}
