//! Calls over every framing, protocol and mode.

mod client_peer;

use client_peer::{Plain, client, echo, listen, listen_mem, raw, spawn_echo};
use volo_thrift::ClientBuilder;

type Setting = fn(ClientBuilder<Plain>) -> ClientBuilder<Plain>;

const SETTINGS: [(&str, Setting); 3] = [
    ("ttheader", |builder| builder),
    ("framed", |builder| builder.framed()),
    ("mux", |builder| builder.mux(1)),
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
            let sent = client.0.execute(&client_peer::NOTE, raw(client_peer::number(value))).await;
            assert!(sent.is_ok(), "{name}: {sent:?}");
            echo(&client, value).await.unwrap();
        }
    }
}
