//! Calls over every framing, protocol and mode.

mod client_peer;

use client_peer::{NOTE, Plain, client, echo, listen, listen_mem, spawn_echo};
use volo_thrift::{
    ClientBuilder, ClientError, Never,
    client::send,
    protocol::{MethodResult, Protocol},
};

type Setting = fn(ClientBuilder<Plain>) -> ClientBuilder<Plain>;

const SETTINGS: [(&str, Setting); 6] = [
    ("ttheader", |builder| builder),
    ("compact", |builder| builder.protocol(Protocol::Compact)),
    ("framed", |builder| builder.framed()),
    ("buffered", |builder| builder.buffered()),
    ("mux", |builder| builder.mux(1)),
    ("more mux", |builder| builder.mux(3)),
];

#[tokio::test]
async fn every_dialect_gets_its_reply() {
    for (name, setting) in SETTINGS {
        for listener in [listen().await, listen_mem().await] {
            let client = setting(client(&listener)).build();
            spawn_echo(listener);
            for value in 0..20 {
                echo(&client, value).await.unwrap_or_else(|error| panic!("{name}: {error:?}"));
            }
        }
    }
}

#[tokio::test]
async fn oneway_calls_are_over_once_they_are_sent() {
    for (name, setting) in SETTINGS {
        let listener = listen().await;
        let client = setting(client(&listener)).build();
        spawn_echo(listener);
        for value in 0..20 {
            let args = MethodResult::<i64, Never>::Ok(value);
            let sent: Result<(), ClientError> = send(&client.0, &NOTE, args).await;
            assert!(sent.is_ok(), "{name}: {sent:?}");
            echo(&client, value).await.unwrap();
        }
    }
}
