//! What Prometheus reads of governance after some trouble.
#![cfg(feature = "prometheus")]

use std::{
    net::{SocketAddr, TcpListener},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::sleep,
};
use volo_core::{Address, config::Config, discover::StaticDiscover};
use volo_telemetry::{MetricsTracer, prometheus};
use volo_thrift::{
    Server,
    health::{Health, HealthCheckRequest, HealthClient, HealthClientBuilder},
};

/// Asked for a free port, which nobody else on this machine takes in between but by bad luck.
fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// With time enough to connect on a machine that is busy with other tests.
fn config(text: &str) -> Config {
    let config = Config::new();
    config.replace(&format!("[client.timeout]\nconnect = \"5s\"\n{text}"), "test").unwrap();
    config
}

async fn serve(config: &Config) -> Address {
    let server = Server::new().add_service(Health::new().service()).config(config);
    let server = server.tracer(MetricsTracer::calls());
    let bound = server.bind("127.0.0.1:0").await.unwrap();
    let address = bound.local_address().clone();
    tokio::spawn(bound.serve(std::future::pending()));
    address
}

async fn calls(client: &HealthClient, count: usize) -> usize {
    let mut answered = 0;
    for _ in 0..count {
        answered += usize::from(client.health_check(HealthCheckRequest::default()).await.is_ok());
    }
    answered
}

async fn scrape(address: SocketAddr) -> String {
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").await.unwrap();
    let mut text = String::new();
    socket.read_to_string(&mut text).await.unwrap();
    text
}

/// Whether there is a series of this name and these labels, of which the value is at least this.
fn has(text: &str, name: &str, labels: &[&str], least: f64) -> bool {
    text.lines().any(|line| {
        let rest = line.strip_prefix(name).filter(|rest| rest.starts_with(['{', ' ']));
        let value = line.rsplit(' ').next().and_then(|value| value.parse::<f64>().ok());
        rest.is_some_and(|rest| labels.iter().all(|label| rest.contains(label))) && value >= Some(least)
    })
}

/// What the dashboard and the alerts ask for is there.
fn assert_shown(text: &str) {
    let asked =
        [include_str!("../../docs/grafana/thrift-rpc.json"), include_str!("../../docs/grafana/alerts.yml")];
    let words = asked.iter().flat_map(|file| file.split(|c: char| !c.is_ascii_alphanumeric() && c != '_'));
    let is_metric = |word: &&str| {
        let mut parts = word.split('_');
        parts.next() == Some("rpc")
            && matches!(parts.next(), Some("client" | "server" | "refusals" | "config"))
            && parts.next().is_some()
    };
    for name in words.filter(is_metric) {
        assert!(has(text, name, &[], 0.0), "{name} is asked for, but not there");
    }
}

/// All in one test: the facade has one recorder per process, and governance one observer.
#[tokio::test]
async fn each_family_is_there_after_some_trouble() {
    let endpoint = free();
    prometheus::install(endpoint).unwrap();
    let (rules, dead) = (config(""), Address::from(free()));
    let sound = serve(&rules).await;

    // Retries, ejection, picks, connections made and not: half of the instances is not there.
    let patient = config("[client.retry]\nbudget = \"100%\"\n[client.ejection]\nconsecutive_failures = 2");
    let builder = HealthClientBuilder::new("health").pingpong().config(&patient);
    let builder = builder.tracer(MetricsTracer::calls()).attempt_tracer(MetricsTracer::attempts());
    let client: HealthClient = builder.discover(StaticDiscover::new([sound.clone(), dead.clone()])).build();
    assert!(calls(&client, 50).await >= 40);

    // A circuit, and a budget that is used up.
    let poor = config("[client.retry]\nbudget = \"0%\"\n[client.breaker]\nfailures = 20");
    let builder = HealthClientBuilder::new("health").pingpong().config(&poor);
    assert_eq!(calls(&builder.address(dead.clone()).build(), 30).await, 0);

    // A full pool, and refusals by the server's rules.
    let narrow = config("[client.retry]\nattempts = 1\n[client.pool]\nconnections = 1\nwaiting = 0");
    let builder = HealthClientBuilder::new("health").pingpong().config(&narrow);
    let client: HealthClient = builder.address(sound.clone()).build();
    rules.replace("[server.fault]\ndelay_share = \"100%\"\ndelay = \"300ms\"", "test").unwrap();
    let both = tokio::join!(calls(&client, 1), calls(&client, 1));
    assert_eq!(both.0 + both.1, 1);
    for (text, expected) in [
        ("[server.rate]\nper_second = 0", "rate"),
        ("[[server.reject]]\nreason = \"closed today\"", "reject"),
    ] {
        rules.replace(text, "test").unwrap();
        assert_eq!(calls(&client, 3).await, 0, "{expected}");
    }
    rules.replace("[server.rates]", "test").unwrap_err();

    let (at_sound, at_dead) = (format!("server_address=\"{sound}\""), format!("server_address=\"{dead}\""));
    let method = r#"rpc_method="Health/healthCheck""#;
    let expected: [(&str, &[&str], f64); 18] = [
        ("rpc_client_retries_total", &[method, r#"rpc_retry="again""#], 1.0),
        ("rpc_client_retries_total", &[method, r#"rpc_retry="unpaid""#], 1.0),
        ("rpc_client_breaker_state", &[method], 2.0),
        ("rpc_client_breaker_changes_total", &[method, r#"rpc_breaker_state="open""#], 1.0),
        ("rpc_client_instance_picks_total", &[&at_sound], 40.0),
        ("rpc_client_instance_picks_total", &[&at_dead], 2.0),
        ("rpc_client_instance_share", &[&at_sound], 1.0),
        ("rpc_client_instance_share", &[&at_dead], 0.0),
        ("rpc_client_instance_ejections_total", &[&at_dead], 1.0),
        ("rpc_client_pool_connections", &[&at_sound, r#"state="idle""#], 1.0),
        ("rpc_client_pool_connections", &[&at_sound, r#"state="used""#], 0.0),
        ("rpc_client_pool_waiting", &[&at_sound], 0.0),
        ("rpc_client_pool_refusals_total", &[&at_sound], 1.0),
        ("rpc_client_connections_total", &[&at_sound, r#"outcome="ok""#], 1.0),
        ("rpc_client_connections_total", &[&at_dead, r#"outcome="failed""#], 1.0),
        ("rpc_refusals_total", &[method, r#"rule="rate""#], 3.0),
        ("rpc_refusals_total", &[method, r#"rule="reject""#], 3.0),
        ("rpc_config_reloads_total", &[r#"outcome="refused""#], 1.0),
    ];
    let mut missing = Vec::new();
    for _ in 0..200 {
        let text = scrape(endpoint).await;
        missing = expected.iter().filter(|(name, labels, least)| !has(&text, name, labels, *least)).collect();
        if missing.is_empty() {
            assert_shown(&text);
            return;
        }
        sleep(Duration::from_millis(100)).await;
    }
    panic!("{missing:?} in\n{}", scrape(endpoint).await);
}
