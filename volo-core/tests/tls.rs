//! Who is refused over TLS, and what both ends are told.
#![cfg(feature = "tls")]

mod certificates;
#[path = "conformance/end.rs"]
#[allow(dead_code, reason = "the conformance body uses the rest")]
mod end;

use std::{error::Error as _, time::Duration};

use certificates::{Authority, Identity, expired, future, self_signed};
use end::{End, payload};
use rcgen::ExtendedKeyUsagePurpose;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use volo_core::{
    Address, Error, Result,
    net::{ConnectOptions, Link, ListenOptions, Listener, TlsClient, TlsServer, connect},
};

/// For handshakes that are to be made.
const PATIENCE: Duration = Duration::from_secs(20);

/// For handshakes that the other end does not make.
const STALL: Duration = Duration::from_millis(300);

async fn listen(tls: TlsServer, handshake_timeout: Duration) -> Listener {
    let options = ListenOptions { tls: Some(tls), handshake_timeout, ..ListenOptions::default() };
    Listener::bind(&"tls://127.0.0.1:0".parse().unwrap(), &options).await.unwrap()
}

fn port(listener: &Listener) -> u16 {
    match listener.local_address() {
        Address::Tls(_, port) => *port,
        other => panic!("{other} is not encrypted"),
    }
}

async fn dial(host: &str, port: u16, tls: TlsClient, handshake_timeout: Duration) -> Result<Box<dyn Link>> {
    let options =
        ConnectOptions { tls, connect_timeout: PATIENCE, handshake_timeout, ..ConnectOptions::default() };
    connect(&Address::Tls(host.to_owned().into(), port), &options).await
}

/// An error with its causes.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// Has a client send a message to a server; gives what each end is told if that fails.
async fn meet(server: TlsServer, client: TlsClient, host: &str) -> Result<(), (String, String)> {
    let listener = listen(server, PATIENCE).await;
    let call = async {
        let mut end = End::new(dial(host, port(&listener), client, PATIENCE).await?);
        end.send(&payload(100, 1)).await?;
        end.recv().await
    };
    let serve = async {
        let mut end = End::new(listener.accept().await.unwrap());
        let message = end.recv().await?;
        end.send(&message.expect("a message")).await
    };
    match tokio::join!(call, serve) {
        (Ok(answer), Ok(())) => {
            assert_eq!(answer, Some(payload(100, 1)));
            Ok(())
        }
        (client, server) => {
            let told = |error: Option<Error>| error.map(|error| chain(&error)).unwrap_or_default();
            Err((told(client.err()), told(server.err())))
        }
    }
}

/// What a server with this certificate makes a client say that trusts the authority.
async fn refused(authority: &Authority, server: Identity) -> String {
    let (client, server) = meet(server.tls(), authority.client(), "localhost").await.unwrap_err();
    assert!(server.contains("the peer refused the TLS session"), "{server}");
    assert!(client.contains("no TLS connection to tls://localhost:"), "{client}");
    client
}

#[tokio::test]
async fn servers_with_bad_certificates_are_refused() {
    let authority = Authority::new();
    meet(authority.server().tls(), authority.client(), "localhost").await.unwrap();
    meet(authority.server().tls(), authority.client(), "127.0.0.1").await.unwrap();

    let told = refused(&authority, authority.issue(expired)).await;
    assert!(told.contains("certificate expired"), "{told}");
    let told = refused(&authority, authority.issue(future)).await;
    assert!(told.contains("certificate not valid yet"), "{told}");
    let elsewhere = |params: &mut rcgen::CertificateParams| {
        params.subject_alt_names = vec![rcgen::SanType::DnsName("elsewhere.example".try_into().unwrap())];
    };
    let told = refused(&authority, authority.issue(elsewhere)).await;
    assert!(told.contains("not valid for name \"localhost\""), "{told}");
    let told = refused(&authority, Authority::new().server()).await;
    assert!(told.contains("UnknownIssuer"), "{told}");
    let told = refused(&authority, self_signed()).await;
    assert!(told.contains("UnknownIssuer"), "{told}");
    let for_clients = |params: &mut rcgen::CertificateParams| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    };
    let told = refused(&authority, authority.issue(for_clients)).await;
    assert!(told.to_lowercase().contains("purpose") || told.contains("extended key usage"), "{told}");
}

#[tokio::test]
async fn clients_with_bad_certificates_are_refused() {
    let authority = Authority::new();
    let server = || authority.server().tls().client_roots(authority.root());
    let client = |identity: &Identity| {
        let (certificate, key) = identity.pair();
        authority.client().identity(certificate, key)
    };
    meet(server(), client(&authority.caller("spiffe://shop/ordering")), "localhost").await.unwrap();

    let (told, seen) = meet(server(), authority.client(), "localhost").await.unwrap_err();
    assert!(told.contains("the peer wants a certificate"), "{told}");
    assert!(seen.contains("peer sent no certificates"), "{seen}");
    let foreign = Authority::new().caller("spiffe://other/ordering");
    let (told, seen) = meet(server(), client(&foreign), "localhost").await.unwrap_err();
    assert!(told.contains("the peer refused the TLS session"), "{told}");
    assert!(seen.contains("UnknownIssuer"), "{seen}");
    let (_, seen) = meet(server(), client(&authority.issue(expired)), "localhost").await.unwrap_err();
    assert!(seen.contains("certificate expired"), "{seen}");
}

/// The error that a server gives for these bytes, and what it answers.
async fn server_hears(bytes: &[u8], then_end: bool) -> (String, Vec<u8>) {
    let listener = listen(Authority::new().server().tls(), STALL).await;
    let mut socket = TcpStream::connect(("127.0.0.1", port(&listener))).await.unwrap();
    socket.write_all(bytes).await.unwrap();
    if then_end {
        socket.shutdown().await.unwrap();
    }
    let mut end = End::new(listener.accept().await.unwrap());
    let error = end.recv().await.unwrap_err();
    drop(end);
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer).await; // a reset will do as well
    (chain(&error), answer)
}

/// The start of a session in TLS 1.1.
fn old_hello() -> Vec<u8> {
    let random = [7; 32];
    let body = [&[3, 2][..], &random, &[0], &[0, 2, 0xc0, 0x13], &[1, 0]].concat();
    let handshake = [&[1, 0, 0, body.len() as u8][..], &body].concat();
    [&[22, 3, 1, 0, handshake.len() as u8][..], &handshake].concat()
}

#[tokio::test]
async fn a_server_takes_nothing_but_tls() {
    let thrift = b"\0\0\0\x11\x80\x01\0\x01\0\0\0\x04ping\0\0\0\x01\0";
    let (error, _) = server_hears(thrift, false).await;
    assert!(error.contains("the peer does not speak TLS"), "{error}");
    let (error, answer) = server_hears(&old_hello(), false).await;
    assert!(error.contains("TLS that is too old"), "{error}");
    let alert = [21, 3, 3, 0, 2, 2];
    assert_eq!((answer.len(), &answer[..6]), (7, &alert[..]), "the peer is told");
    let (error, _) = server_hears(&old_hello()[..20], true).await;
    assert!(error.contains("ended the connection in the TLS handshake"), "{error}");
    let (error, _) = server_hears(&old_hello()[..20], false).await;
    assert!(error.contains("was not done after 300ms (handshake_timeout)"), "{error}");
}

/// The error of a client whose server answers with these bytes, and then says nothing more or ends the connection.
async fn client_hears(bytes: &[u8], then_end: bool) -> String {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = server.local_addr().unwrap().port();
    let serve = async {
        let (mut socket, _) = server.accept().await.unwrap();
        let mut hello = [0; 64];
        socket.read_exact(&mut hello).await.unwrap();
        socket.write_all(bytes).await.unwrap();
        if then_end {
            socket.shutdown().await.unwrap();
        }
        let _ = socket.read_to_end(&mut Vec::new()).await;
    };
    let client = Authority::new().client();
    let (dialled, ()) =
        tokio::join!(async { dial("localhost", port, client, STALL).await.err().unwrap() }, serve);
    assert!(dialled.is_connect(), "nothing was sent");
    chain(&dialled)
}

#[tokio::test]
async fn a_client_takes_nothing_but_tls() {
    let error = client_hears(b"\0\0\0\x11\x80\x01\0\x03\0\0\0\x04ping", false).await;
    assert!(error.contains("the peer does not speak TLS"), "{error}");
    let body = [&[3, 2][..], &[9; 32], &[0], &[0xc0, 0x13, 0]].concat();
    let handshake = [&[2, 0, 0, body.len() as u8][..], &body].concat();
    let old = [&[22, 3, 2, 0, handshake.len() as u8][..], &handshake].concat();
    let error = client_hears(&old, false).await;
    assert!(error.contains("TLS that is too old"), "{error}");
    let error = client_hears(&old[..20], true).await;
    assert!(error.contains("ended the connection in the TLS handshake"), "{error}");
    let error = client_hears(b"", false).await;
    assert!(error.contains("was not done after 300ms (handshake_timeout)"), "{error}");
}

/// Passes bytes on one by one; ends both connections after so many from the client.
async fn relay(listener: TcpListener, port: u16, bytes_max: usize) {
    let (mut client, _) = listener.accept().await.unwrap();
    let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    server.set_nodelay(true).unwrap();
    client.set_nodelay(true).unwrap();
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.split(), server.split());
    let there = async {
        for _ in 0..bytes_max {
            let Ok(byte) = from_client.read_u8().await else { break };
            to_server.write_u8(byte).await.unwrap();
        }
    };
    let back = async {
        while let Ok(byte) = from_server.read_u8().await {
            to_client.write_u8(byte).await.unwrap();
        }
        std::future::pending::<()>().await;
    };
    tokio::select! { () = there => {}, () = back => {} }
}

#[tokio::test]
async fn records_arrive_byte_by_byte_and_a_cut_is_noticed() {
    let authority = Authority::new();
    let listener = listen(authority.server().tls(), PATIENCE).await;
    let middle = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = middle.local_addr().unwrap().port();
    let relaying = tokio::spawn(relay(middle, port(&listener), usize::MAX));
    let dialling = tokio::spawn(dial("localhost", at, authority.client(), PATIENCE));
    let mut server = End::new(listener.accept().await.unwrap());
    let serve = async {
        for seed in 0..3 {
            assert_eq!(server.expect().await, payload(300, seed));
            server.send(&payload(200, seed)).await.unwrap();
        }
    };
    let call = async {
        let mut client = End::new(dialling.await.unwrap().unwrap());
        for seed in 0..3 {
            client.send(&payload(300, seed)).await.unwrap();
            assert_eq!(client.expect().await, payload(200, seed));
            assert!(client.link.idle_ok());
        }
        client
    };
    let (mut client, ()) = tokio::join!(call, serve);
    relaying.abort(); // between two messages
    let (client, server) = tokio::join!(client.recv(), server.recv());
    for error in [client.unwrap_err(), server.unwrap_err()] {
        assert!(error.is_closed(), "{error:?}");
        assert!(chain(&error).contains("without ending the TLS session"), "{error:?}");
    }
}

#[tokio::test]
async fn both_ends_learn_the_other_s_certificate() {
    let authority = Authority::new();
    let listener = listen(authority.server().tls().client_roots(authority.root()), PATIENCE).await;
    let (certificate, key) = authority.caller("spiffe://shop/ordering").pair();
    let named = authority.client().identity(certificate, key).server_name("localhost");
    let dialling = tokio::spawn(dial("127.0.0.1", port(&listener), named, PATIENCE));
    let mut server = End::new(listener.accept().await.unwrap());
    let send = async {
        let mut client = End::new(dialling.await.unwrap().unwrap());
        client.send(&payload(1, 1)).await.unwrap();
        client
    };
    let (client, _) = tokio::join!(send, server.expect());
    let (caller, callee) = (&server.link.profile().peer, &client.link.profile().peer);
    assert_eq!((caller.transport, callee.transport), (Some("tls"), Some("tls")));
    assert_eq!(caller.certificate.as_ref().unwrap().uris, ["spiffe://shop/ordering"]);
    assert_eq!(callee.certificate.as_ref().unwrap().dns_names, ["localhost"]);
    assert!(!caller.certificate.as_ref().unwrap().der.is_empty());
}

#[tokio::test]
async fn settings_that_make_no_sense_are_told() {
    let authority = Authority::new();
    let listen = async |address: &str, tls: Option<TlsServer>| {
        let options = ListenOptions { tls, ..ListenOptions::default() };
        let bound = Listener::bind(&address.parse().unwrap(), &options).await;
        chain(&bound.err().unwrap())
    };
    let good = authority.server();
    let told = listen("127.0.0.1:0", Some(good.tls())).await;
    assert!(told.contains("write tls://127.0.0.1:0"), "{told}");
    let told = listen("tls://127.0.0.1:0", None).await;
    assert!(told.contains("needs certificates"), "{told}");
    let told = listen("tls://127.0.0.1:0", Some(TlsServer::new("/no/such.pem", "/no/such.key"))).await;
    assert!(told.contains("`/no/such.pem` can't be read"), "{told}");
    let (certificate, key) = good.pair();
    let told = listen("tls://127.0.0.1:0", Some(TlsServer::new(key.clone(), key))).await;
    assert!(told.contains("has no certificate"), "{told}");
    let told =
        listen("tls://127.0.0.1:0", Some(TlsServer::new(certificate.clone(), certificate.clone()))).await;
    assert!(told.contains("has no private key"), "{told}");
    let other = authority.server().pair().1;
    let told = listen("tls://127.0.0.1:0", Some(TlsServer::new(certificate, other))).await;
    assert!(told.contains("can't be used with their key"), "{told}");

    let error = dial("localhost", 1, TlsClient::new().roots("/no/such.pem"), STALL).await.err().unwrap();
    assert!(chain(&error).contains("`/no/such.pem` can't be read"), "{error}");
}
