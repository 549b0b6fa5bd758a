//! A server under a document: every group of keys reaches what it governs, while the server runs.

mod server_support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use faststr::FastStr;
use server_support::{Probe, Running, Text};
use tokio::time::{Instant, timeout};
use volo_core::{
    config::Config,
    layers::trace::{Stats, stats_fn},
    net::{self, ConnectOptions},
};
use volo_thrift::{
    Client, ClientBuilder, ClientError, Limits, Never, Server,
    client::{Governance, ServiceClient, call},
};

const MS: Duration = Duration::from_millis(1);

struct Plain(Client);

impl From<Client> for Plain {
    fn from(client: Client) -> Self {
        Plain(client)
    }
}

impl ServiceClient for Plain {
    const SERVICE: &'static str = "Probe";
}

async fn start(name: &str, server: Server) -> Running {
    let server = server.add_service(Probe::default());
    Running::start(server.bind(format!("mem://config-{name}").as_str()).await.unwrap())
}

fn client(running: &Running, caller: &'static str) -> Plain {
    let builder = ClientBuilder::<Plain>::new("probe").address(running.address.clone());
    builder.governance(Governance::none()).caller_name(caller).pingpong().build()
}

async fn method(client: &Plain, index: usize, text: &str) -> Result<FastStr, ClientError> {
    let args = Text { text: FastStr::new(text) };
    call::<_, FastStr, Never>(&client.0, &server_support::METHODS[index], args).await
}

async fn echo(client: &Plain) -> Result<FastStr, ClientError> {
    method(client, 0, "hello").await
}

fn set(config: &Config, text: &str) {
    config.replace(text, "test").unwrap();
}

fn fault(result: Result<FastStr, ClientError>) -> String {
    result.unwrap_err().to_string()
}

#[tokio::test(start_paused = true)]
async fn rates_per_method() {
    let config = Config::new();
    let running = start("rate", Server::new().config(&config)).await;
    let client = client(&running, "friend");
    let taken = async || {
        let mut taken = 0;
        for _ in 0..20 {
            taken += usize::from(echo(&client).await.is_ok());
        }
        taken
    };
    assert_eq!(taken().await, 20);
    set(&config, "[server.rate]\nper_second = 1\nburst = 5");
    assert_eq!(taken().await, 5);
    set(&config, "[server.rate]\nper_second = 1\nburst = 5\n[server.log]\nfailure = \"debug\"");
    assert_eq!(taken().await, 0, "what is used up stays so, whatever else changes");
    set(
        &config,
        "[server.rate]\nper_second = 1\nburst = 5\n[server.services.Probe.methods.echo.rate]\nburst = 7",
    );
    assert_eq!(taken().await, 7);
    set(&config, "");
    assert_eq!(taken().await, 20);
}

#[tokio::test(start_paused = true)]
async fn refusals_by_caller_and_faults() {
    let config = Config::new();
    let running = start("reject", Server::new().config(&config)).await;
    let (friend, stranger) = (client(&running, "friend"), client(&running, "stranger"));
    set(
        &config,
        "[[server.services.Probe.methods.echo.reject]]\nexcept = [\"friend\"]\nreason = \"friends only\"",
    );
    echo(&friend).await.unwrap();
    let error = echo(&stranger).await.unwrap_err();
    assert!(error.as_rpc().is_some_and(volo_core::Error::is_rejected), "{error:?}");
    assert!(error.to_string().contains("friends only"), "{error}");
    set(&config, "[server.services.Probe.fault]\nabort_share = \"100%\"\nabort = \"overloaded\"");
    assert!(echo(&stranger).await.unwrap_err().as_rpc().is_some_and(volo_core::Error::is_overloaded));
    let start = Instant::now();
    set(&config, "[server.fault]\ndelay_share = \"100%\"\ndelay = \"300ms\"");
    echo(&stranger).await.unwrap();
    assert!(start.elapsed() >= 300 * MS);
}

#[tokio::test(start_paused = true)]
async fn calls_under_way_and_connections() {
    let config = Config::new();
    set(
        &config,
        "[server.limits]\nconcurrency = 1\n[server.fault]\ndelay_share = \"100%\"\ndelay = \"500ms\"",
    );
    let running = start("limits", Server::new().config(&config)).await;
    let (one, two) = (client(&running, "one"), client(&running, "two"));
    let both = async || tokio::join!(echo(&one), echo(&two));
    let (first, second) = both().await;
    assert!(first.is_ok() && fault(second).contains("concurrency_max of 1"));
    set(
        &config,
        "[server.limits]\nconcurrency = 2\n[server.fault]\ndelay_share = \"100%\"\ndelay = \"500ms\"",
    );
    let (first, second) = both().await;
    assert!(first.is_ok() && second.is_ok());
    set(&config, "[server.limits]\nconnections = 2");
    let third = client(&running, "three");
    assert!(timeout(800 * MS, echo(&third)).await.is_err(), "it waits to be accepted");
    set(&config, "[server.limits]\nconnections = 4");
    echo(&third).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn waits_before_a_call_is_started() {
    let config = Config::new();
    let running = start("queue", Server::new().config(&config)).await;
    // One call at a time on a connection whose replies may not overtake each other: the others wait.
    let refused = async |text: &str| {
        set(&config, &format!("{text}\n[server.fault]\ndelay_share = \"100%\"\ndelay = \"200ms\""));
        let mut caller = running.connect(server_support::TTHEADER).await;
        let calls: Vec<_> = (1..5).flat_map(|id| caller.encode("echo", id, "hello")).collect();
        caller.send_raw(&calls).await;
        let mut refused = 0;
        for _ in 1..5 {
            refused += usize::from(caller.answer().await.result.is_err());
        }
        refused
    };
    assert_eq!(refused("").await, 0);
    assert_eq!(refused("[server.limits]\nqueue_time = \"300ms\"").await, 2);
    assert!(refused("[server.queue]\nenabled = true\ntarget = \"20ms\"\ninterval = \"50ms\"").await >= 1);
}

#[tokio::test(start_paused = true)]
async fn idle_connections_end_by_the_document_s_time() {
    let config = Config::new();
    set(&config, "[server.timeout]\nidle = \"2s\"");
    let limits = Limits { idle_timeout: Duration::from_secs(60), ..Limits::default() };
    let running = start("idle", Server::new().limits(limits).config(&config)).await;
    let lasts = async || {
        let start = Instant::now();
        let mut link = net::connect(&running.address, &ConnectOptions::default()).await.unwrap();
        while link.idle_ok() {
            tokio::time::sleep(100 * MS).await;
        }
        start.elapsed().as_secs()
    };
    assert_eq!(lasts().await, 2);
    set(&config, "[server.timeout]\nidle = \"5s\"");
    assert_eq!(lasts().await, 5);
    set(&config, "");
    assert_eq!(lasts().await, 60);
}

#[tokio::test(start_paused = true)]
async fn tracers_see_what_layers_do_and_can_be_switched_off() {
    let (config, heard) = (Config::new(), Arc::new(AtomicUsize::new(0)));
    let count = heard.clone();
    let tracer = stats_fn(move |_: &Stats<'_>| {
        count.fetch_add(1, Ordering::Relaxed);
    });
    let server = Server::new().tracer(tracer).config(&config);
    let handle = server.trace_handle();
    let running = start("trace", server).await;
    let client = client(&running, "friend");
    let call = async || {
        echo(&client).await.unwrap();
        heard.swap(0, Ordering::Relaxed)
    };
    assert_eq!(call().await, 1);
    set(&config, "[server]\ntrace = \"off\"");
    assert_eq!(call().await, 0);
    set(&config, "[server]\ntrace = \"base\"");
    assert_eq!(call().await, 1);
    handle.set(volo_core::layers::trace::Level::Off);
    assert_eq!(call().await, 0);
}

#[tokio::test(start_paused = true)]
async fn misspelt_names_are_known_and_the_documentation_s_example_holds() {
    let text = include_str!("../../docs/governance.md");
    let example = text.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let config = Config::new();
    set(&config, example);
    let running = start("names", Server::new().config(&config)).await;
    echo(&client(&running, "friend")).await.unwrap();
    assert_eq!(config.unknown(), ["server.services.CatalogService"]);
    set(&config, "[server.services.Probe.methods.ecco]\n[server.services.Probe.methods.echo]");
    assert_eq!(config.unknown(), ["server.services.Probe.methods.ecco"]);
}
