//! Governing layers and rules around a server, as its clients see them.

mod server_support;

use std::time::Duration;

use faststr::FastStr;
use server_support::{Probe, Running, Text};
use tokio::time::Instant;
use volo_core::{
    Error, ErrorKind, Request, Retry,
    layers::{
        PerMethod, Setting,
        fault::{Abort, FaultConfig, FaultLayer},
        limit::RateConfig,
        reject::RejectLayer,
    },
};
use volo_thrift::{
    Client, ClientBuilder, ClientError, Never, Server,
    client::{Governance, ServiceClient, call},
    meta::Caller,
    server::RateRule,
};

struct Plain(Client);

impl From<Client> for Plain {
    fn from(client: Client) -> Self {
        Plain(client)
    }
}

impl ServiceClient for Plain {
    const SERVICE: &'static str = "Probe";
}

async fn start(name: &str, server: Server) -> (Running, Probe) {
    let probe = Probe::default();
    let server = server.add_service(probe.clone());
    (Running::start(server.bind(format!("mem://{name}").as_str()).await.unwrap()), probe)
}

fn client(running: &Running, caller: &'static str) -> Plain {
    let builder = ClientBuilder::<Plain>::new("probe").address(running.address.clone());
    builder.governance(Governance::none()).caller_name(caller).build()
}

async fn echo(client: &Plain, text: &str) -> Result<FastStr, ClientError> {
    let args = Text { text: FastStr::new(text) };
    call::<_, FastStr, Never>(&client.0, &server_support::METHODS[0], args).await
}

#[tokio::test(start_paused = true)]
async fn rules_refuse_callers_before_their_arguments_are_decoded() {
    let rule = |request: &Request| {
        let caller = request.context.extension::<Caller>()?;
        (caller.service == "stranger").then(|| "strangers are not served".to_owned())
    };
    let probe = Probe::default();
    let server = Server::new().add_service(probe.clone()).layer(RejectLayer::new(rule));
    let running = Running::start(server.bind("mem://govern-reject").await.unwrap());
    assert_eq!(echo(&client(&running, "friend"), "hello").await.unwrap(), "hello");
    let error = echo(&client(&running, "stranger"), "secret").await.unwrap_err();
    assert!(error.to_string().contains("strangers are not served"), "{error}");
    assert!(!probe.journal.lines().iter().any(|line| line.contains("secret")));
}

#[tokio::test(start_paused = true)]
async fn faults_can_be_switched_on_and_off() {
    let faults: Setting<PerMethod<FaultConfig>> = FaultConfig::default().into();
    let server = Server::new().add_service(Probe::default()).layer(FaultLayer::new(faults.clone()));
    let running = Running::start(server.bind("mem://govern-fault").await.unwrap());
    let client = client(&running, "friend");
    echo(&client, "hello").await.unwrap();
    let delay = Duration::from_millis(200);
    faults.set(PerMethod::new(FaultConfig { delay_percent: 100, delay, ..FaultConfig::default() }));
    let start = Instant::now();
    echo(&client, "hello").await.unwrap();
    assert!(start.elapsed() >= delay);
    let abort = Abort(ErrorKind::Internal);
    let broken = FaultConfig { abort_percent: 100, abort, ..FaultConfig::default() };
    faults.set(PerMethod::default().with("Probe", "echo", broken));
    assert!(echo(&client, "hello").await.is_err());
    faults.set(PerMethod::default());
    echo(&client, "hello").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn calls_beyond_the_rate_may_go_elsewhere() {
    let rule = RateRule::new(RateConfig { per_second: Some(10), burst: 3 });
    let (running, probe) = start("govern-rate", Server::new().admission(rule.clone())).await;
    let client = client(&running, "friend");
    for _ in 0..3 {
        echo(&client, "taken").await.unwrap();
    }
    let error = echo(&client, "refused").await.unwrap_err();
    assert_eq!(error.retry(), Retry::Always);
    assert!(error.as_rpc().is_some_and(Error::is_overloaded), "{error:?}");
    assert!(!probe.journal.lines().iter().any(|line| line.contains("refused")));
    tokio::time::sleep(Duration::from_millis(100)).await;
    echo(&client, "taken").await.unwrap();
    rule.configure(RateConfig::default());
    for _ in 0..20 {
        echo(&client, "taken").await.unwrap();
    }
}
