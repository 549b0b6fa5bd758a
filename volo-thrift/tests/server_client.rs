//! Our client and our server, end to end.

mod server_support;

use std::time::Duration;

use faststr::FastStr;
use server_support::{METHODS, Probe, Running, Text, soon};
use volo_core::Context;
use volo_thrift::{
    BizError, Client, ClientBuilder, ClientError, Method, Never, Server,
    client::{ServiceClient, call, send},
    protocol::Protocol,
};

struct ProbeClient(Client);

impl From<Client> for ProbeClient {
    fn from(client: Client) -> Self {
        ProbeClient(client)
    }
}

impl ServiceClient for ProbeClient {
    const SERVICE: &'static str = "Probe";
}

fn method(name: &str) -> &'static Method {
    METHODS.iter().find(|method| method.name == name).unwrap()
}

impl ProbeClient {
    async fn call(&self, name: &str, text: &str) -> Result<FastStr, ClientError<Never>> {
        soon(call(&self.0, method(name), Text { text: FastStr::new(text) })).await
    }
}

type Setting = fn(ClientBuilder<ProbeClient>) -> ClientBuilder<ProbeClient>;

const SETTINGS: [(&str, Setting); 6] = [
    ("ping-pong", |builder| builder),
    ("ping-pong compact", |builder| builder.protocol(Protocol::Compact)),
    ("framed", |builder| builder.framed()),
    ("buffered compact", |builder| builder.buffered().protocol(Protocol::Compact)),
    ("mux", |builder| builder.mux(1)),
    ("mux compact", |builder| builder.mux(2).protocol(Protocol::Compact)),
];

async fn start() -> (Running, Probe) {
    let probe = Probe::default();
    let server = Server::new().add_service(probe.clone()).bind("127.0.0.1:0").await.unwrap();
    (Running::start(server), probe)
}

fn client(running: &Running, setting: Setting) -> ProbeClient {
    let builder = ClientBuilder::new("probe").address(running.address.clone());
    setting(builder.connect_timeout(Duration::from_secs(5)).rpc_timeout(Duration::from_secs(10))).build()
}

#[tokio::test]
async fn every_setting_gets_every_kind_of_answer() {
    let (running, probe) = start().await;
    for (name, setting) in SETTINGS {
        let client = client(&running, setting);
        for text in ["a", &"long ".repeat(10_000)] {
            assert_eq!(client.call("echo", text).await.unwrap(), text, "{name}");
            assert_eq!(client.call("slow", "2").await.unwrap(), "2", "{name}");
        }
        for (method, kind) in [("boom", 6), ("late_boom", 6), ("refuse", 1234)] {
            let failed = client.call(method, "x").await;
            assert!(
                matches!(&failed, Err(ClientError::Application(e)) if e.kind().0 == kind),
                "{name} {failed:?}"
            );
        }
        let failed = client.call("biz", "sold out").await;
        let by_header = matches!(&failed, Err(ClientError::Biz(BizError { status_code: 42, .. })));
        let by_exception =
            matches!(&failed, Err(ClientError::Application(e)) if e.message().contains("sold out"));
        assert!(by_header || by_exception, "{name} {failed:?}");
        assert_eq!(by_header, !name.starts_with("framed") && !name.starts_with("buffered"), "{name}");

        let sent: Result<(), ClientError> = send(&client.0, method("post"), Text { text: name.into() }).await;
        sent.unwrap();
        assert_eq!(client.call("echo", "after it").await.unwrap(), "after it");
        assert!(probe.journal.lines().contains(&format!("post {name}")), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_calls_at_once_each_get_their_own_answer() {
    let (running, _) = start().await;
    for (name, setting) in SETTINGS {
        let client = std::sync::Arc::new(client(&running, setting));
        let calls: Vec<_> = (0..300)
            .map(|number: u32| {
                let client = client.clone();
                tokio::spawn(async move {
                    let method = if number.is_multiple_of(7) { "slow" } else { "echo" };
                    let text = (number % 10).to_string();
                    assert_eq!(client.call(method, &text).await.unwrap(), text);
                })
            })
            .collect();
        for call in calls {
            call.await.unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }
}

#[tokio::test]
async fn context_crosses_to_the_handler() {
    let (running, _) = start().await;
    let client = client(&running, |builder| builder);
    let mut context = Context::default();
    context.metainfo_mut().persistent.set("TENANT", "blue");
    let (_, answer) = context.scope(client.call("whoami", "")).await;
    assert_eq!(answer.unwrap(), "Probe.whoami Some(\"blue\") 127.0.0.1 true");
}

#[tokio::test]
async fn a_call_that_takes_too_long_ends_in_time_and_the_client_lives() {
    let (running, _) = start().await;
    for (name, setting) in SETTINGS {
        let client = setting(ClientBuilder::new("probe").address(running.address.clone()))
            .connect_timeout(Duration::from_secs(5))
            .rpc_timeout(Duration::from_millis(100))
            .build();
        let late = client.call("slow", "400").await;
        assert!(late.as_ref().is_err_and(ClientError::is_timeout), "{name} {late:?}");
        assert_eq!(client.call("echo", "next").await.unwrap(), "next", "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_during_a_shutdown_are_answered_or_known_not_to_be_executed() {
    for (name, setting) in [SETTINGS[0], SETTINGS[4]] {
        let (mut running, probe) = start().await;
        let client = std::sync::Arc::new(client(&running, setting));
        client.call("echo", "warm").await.unwrap();
        let workers: Vec<_> = (0..8)
            .map(|_| {
                let client = client.clone();
                tokio::spawn(async move {
                    let mut answered = 0;
                    while client.call("echo", "x").await.is_ok() {
                        answered += 1;
                    }
                    answered
                })
            })
            .collect();
        while probe.journal.lines().len() < 100 {
            tokio::task::yield_now().await;
        }
        running.stop();
        soon(running.task).await.unwrap();
        let mut answered = 1;
        for worker in workers {
            answered += soon(worker).await.unwrap();
        }
        assert_eq!(probe.journal.lines().len(), answered, "{name}");
    }
}
