//! A client under a document: every group of keys reaches what it governs, while the client lives.

mod client_peer;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use client_peer::{
    Answer, ECHO, Peer, Plain, call_number, client_of, listen, listen_mem, number, raw, spawn_echo,
};
use tokio::time::Instant;
use volo_core::{
    Address, Context, Error, Outcome, Response,
    balance::{Balancer, Instance, LoadBalance},
    config::Config,
    layers::{
        retry::RetryConfig,
        trace::{Level, Stats, stats_fn},
    },
};
use volo_thrift::{CallOpt, ClientBuilder, ClientError, Method, client::Governance};

const MS: Duration = Duration::from_millis(1);

static OTHER: Method = Method { service: "Echo", name: "other", oneway: false, idempotent: true };

/// A config that must be right.
fn config(text: &str) -> Config {
    let config = Config::new();
    set(&config, text);
    config
}

fn set(config: &Config, text: &str) {
    config.replace(text, "test").unwrap();
}

async fn echo_server() -> Address {
    let listener = listen_mem().await;
    let address = listener.local_address().clone();
    spawn_echo(listener);
    address
}

/// A server that closes connections after each call, without an answer, and counts the calls.
async fn closing_server() -> (Address, Arc<AtomicUsize>) {
    let (listener, count) = (listen_mem().await, Arc::new(AtomicUsize::new(0)));
    let (address, calls) = (listener.local_address().clone(), count.clone());
    tokio::spawn(async move {
        while let Ok(link) = listener.accept().await {
            let mut peer = Peer::new(link);
            if peer.receive().await.is_some() {
                calls.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    (address, count)
}

/// A server that never answers.
async fn silent_server() -> Address {
    let listener = listen_mem().await;
    let address = listener.local_address().clone();
    tokio::spawn(async move {
        while let Ok(link) = listener.accept().await {
            tokio::spawn(async move {
                let mut peer = Peer::new(link);
                while peer.receive().await.is_some() {}
            });
        }
    });
    address
}

fn build(address: &Address, config: &Config) -> Plain {
    client_of(address.clone()).pingpong().config(config).build()
}

async fn failure(client: &Plain, method: &'static Method) -> Error {
    match call_number(client, method, 1).await {
        Err(ClientError::Rpc(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn timeouts_per_method_and_back_to_the_program_s() {
    let (address, config) = (silent_server().await, Config::new());
    let client = client_of(address)
        .pingpong()
        .rpc_timeout(400 * MS)
        .retry(RetryConfig::never())
        .config(&config)
        .build();
    let took = async |method| {
        let start = Instant::now();
        assert!(failure(&client, method).await.is_timeout());
        start.elapsed().as_millis() / 10
    };
    assert_eq!(took(&ECHO).await, 40);
    set(
        &config,
        "[client.timeout]\nattempt = \"300ms\"\n[client.services.Echo.methods.other.timeout]\ntotal = \"70ms\"",
    );
    assert_eq!((took(&ECHO).await, took(&OTHER).await), (30, 7));
    set(&config, "[client.timeout]\nattempt = \"none\"\ntotal = \"500ms\"");
    assert_eq!((took(&ECHO).await, took(&OTHER).await), (50, 50));
    set(&config, "");
    assert_eq!((took(&ECHO).await, took(&OTHER).await), (40, 40));
}

/// Over TCP, by the real clock: a message is never in parts in memory.
#[tokio::test]
async fn the_time_to_read_a_reply() {
    let listener = listen().await;
    let config = config(
        "[client.timeout]\nattempt = \"none\"\ntotal = \"none\"\nread = \"20ms\"\n[client.retry]\nattempts = 1",
    );
    let client = build(listener.local_address(), &config);
    let call = tokio::spawn(async move { failure(&client, &ECHO).await });
    let mut peer = Peer::accept(&listener).await;
    let request = peer.receive().await.unwrap();
    let reply = Answer::default().to_bytes(&request);
    peer.send_bytes(&reply[..reply.len() / 2]).await;
    let error = call.await.unwrap();
    let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    assert!(cause.contains("20ms (frame_timeout)"), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn retries_and_their_budget() {
    let (address, calls) = closing_server().await;
    let config = config("[client.retry]\nattempts = 1");
    let client = build(&address, &config);
    let attempts = async |method| {
        failure(&client, method).await;
        tokio::task::yield_now().await;
        calls.swap(0, Ordering::Relaxed)
    };
    assert_eq!(attempts(&OTHER).await, 1);
    set(&config, "[client.retry]\nattempts = 4\nbudget = \"100%\"");
    assert_eq!((attempts(&OTHER).await, attempts(&ECHO).await), (4, 1));
    set(
        &config,
        "[client.retry]\nattempts = 2\nidempotent = true\n[client.services.Echo.methods.echo.retry]\nattempts = 3",
    );
    assert_eq!((attempts(&OTHER).await, attempts(&ECHO).await), (2, 3));
    let start = Instant::now();
    set(&config, "[client.retry]\nattempts = 2\nbackoff = { initial = \"1s\" }");
    assert_eq!(attempts(&OTHER).await, 2);
    assert!(start.elapsed() >= Duration::from_secs(1));
    set(&config, "[client.retry]\nattempts = 16\nbudget = \"0%\"");
    let mut spent = 0;
    for _ in 0..20 {
        spent = attempts(&OTHER).await;
    }
    assert_eq!(spent, 1, "nothing is left, and nothing comes in");
}

#[tokio::test(start_paused = true)]
async fn breakers_by_count_and_by_hand() {
    let (address, _calls) = closing_server().await;
    let config = config("[client.retry]\nattempts = 1\n[client.breaker]\nfailures = 2");
    let client = build(&address, &config);
    let states = async |count: usize| {
        let mut open = Vec::new();
        for _ in 0..count {
            open.push(failure(&client, &ECHO).await.is_circuit_open());
        }
        open
    };
    assert_eq!(states(3).await, [false, false, true]);
    set(&config, "[client.retry]\nattempts = 1\n[client.breaker]\nstate = \"closed\"");
    assert_eq!(states(300).await.iter().filter(|open| **open).count(), 0);
    set(
        &config,
        "[client.retry]\nattempts = 1\n[client.services.Echo.methods.echo.breaker]\nstate = \"open\"",
    );
    assert_eq!(states(2).await, [true, true]);
    assert!(!failure(&client, &OTHER).await.is_circuit_open());
    set(&config, "[client.retry]\nattempts = 1\n[client.breaker]\nenabled = false");
    assert_eq!(states(300).await.iter().filter(|open| **open).count(), 0);
}

#[tokio::test(start_paused = true)]
async fn policies_keys_and_ejection() {
    let (first, second) = (echo_server().await, echo_server().await);
    let balancer = Balancer::new(LoadBalance::round_robin());
    balancer.update([Instance::new(first), Instance::new(second)]);
    let config = Config::new();
    let client: Plain =
        ClientBuilder::new("echo").pingpong().balancer(balancer.clone()).config(&config).build();
    let shares = async || {
        let before: Vec<_> = balancer.snapshot().endpoints().iter().map(|it| it.picks()).collect();
        for value in 0..20 {
            let mut context = Context::new("Shop", "order");
            context.metainfo_mut().persistent.set("user", "42");
            let (_, result) = context.scope(call_number(&client, &ECHO, value)).await;
            assert_eq!(result.unwrap(), value);
        }
        let snapshot = balancer.snapshot();
        let picks = snapshot.endpoints().iter().zip(before).map(|(it, before)| it.picks() - before);
        let mut picks: Vec<_> = picks.collect();
        picks.sort_unstable();
        picks
    };
    assert_eq!(shares().await, [10, 10]);
    set(&config, "[client.balance]\npolicy = \"consistent_hash\"\nkey = \"user\"");
    assert_eq!(shares().await, [0, 20]);
    set(&config, "[client.services.Echo.balance]\npolicy = \"round_robin\"");
    assert_eq!(shares().await, [10, 10]);
    // With faults at the attempts, an instance is ejected after two of them.
    let faults = "[client.retry]\nattempts = 1\n[client.fault]\nabort_share = \"100%\"\n[client.ejection]\n";
    let ejected = || balancer.snapshot().endpoints().iter().filter(|it| it.is_ejected()).count();
    set(&config, &format!("{faults}enabled = false"));
    for _ in 0..20 {
        failure(&client, &ECHO).await;
    }
    assert_eq!(ejected(), 0);
    set(&config, &format!("{faults}consecutive_failures = 2"));
    for _ in 0..4 {
        failure(&client, &ECHO).await;
    }
    assert_eq!(ejected(), 1);
    set(&config, "[client.ejection]\nenabled = false");
    assert_eq!(ejected(), 0, "who is out comes back");
    assert_eq!(shares().await, [10, 10]);
}

#[tokio::test(start_paused = true)]
async fn the_pool_s_limits() {
    let config = config(
        "[client.pool]\nconnections = 1\nwaiting = 0\n[client.retry]\nattempts = 1\n[client.timeout]\nattempt = \"1s\"",
    );
    let client = build(&silent_server().await, &config);
    let full = async || {
        let other = client.clone();
        let first = tokio::spawn(async move { failure(&other, &ECHO).await });
        tokio::time::sleep(100 * MS).await;
        let second = failure(&client, &ECHO).await;
        assert!(first.await.unwrap().is_timeout());
        second.is_overloaded()
    };
    assert!(full().await);
    set(&config, "[client.pool]\nconnections = 2\n[client.retry]\nattempts = 1");
    assert!(!full().await);
}

#[tokio::test(start_paused = true)]
async fn refusals_faults_and_the_fallback() {
    let (address, config) = (echo_server().await, Config::new());
    let client = client_of(address).pingpong().config(&config).fallback(async |request, failure| {
        assert!(failure.is_err());
        Ok(Response::new(request.into_context(), raw(number(42)), Outcome::Success))
    });
    let client: Plain = client.build();
    let call = async || call_number(&client, &ECHO, 1).await.map_err(|error| error.to_string());
    assert_eq!(call().await, Ok(1));
    set(&config, "[[client.services.Echo.methods.echo.reject]]\nreason = \"switched off\"");
    assert_eq!(
        call().await,
        Err("call failed: switched off".to_owned()),
        "before the fallback, as a decision of people"
    );
    let start = Instant::now();
    set(&config, "[client.fault]\ndelay_share = \"100%\"\ndelay = \"700ms\"");
    assert_eq!(call().await, Ok(1));
    assert!(start.elapsed() >= 700 * MS);
    let broken = "[client.fault]\nabort_share = \"100%\"\nabort = \"overloaded\"";
    set(&config, broken);
    assert_eq!(call().await, Ok(42));
    set(&config, &format!("[client]\nfallback = false\n{broken}"));
    assert!(failure(&client, &ECHO).await.is_overloaded());
    set(
        &config,
        &format!(
            "{broken}\n[client.services.Echo]\nfallback = false\n[client.services.Echo.methods.echo]\nfallback = true"
        ),
    );
    assert_eq!(call().await, Ok(42));
}

#[tokio::test(start_paused = true)]
async fn tracers_stand_at_calls_and_attempts_and_are_told_as_much_as_wanted() {
    let (address, _calls) = closing_server().await;
    let heard = Arc::new(Mutex::new(Vec::new()));
    let tracer = |name: &'static str| {
        let heard = heard.clone();
        stats_fn(move |stats: &Stats<'_>| {
            let detailed = stats.stages.is_some();
            heard.lock().unwrap().push((name, stats.attempt, stats.peer.is_some(), detailed));
        })
    };
    let (config, governance) = (Config::new(), Governance::default());
    let client = client_of(address).pingpong().config(&config).governance(governance.clone());
    let client: Plain =
        client.tracer(tracer("call")).attempt_tracer(tracer("attempt")).trace_level(Level::Base).build();
    let call = async || {
        failure(&client, &OTHER).await;
        std::mem::take(&mut *heard.lock().unwrap())
    };
    let base = [("attempt", 0, true, false), ("attempt", 1, true, false), ("attempt", 2, true, false)];
    assert_eq!(call().await, [&base[..], &[("call", 0, true, false)]].concat());
    set(&config, "[client]\ntrace = \"off\"");
    assert_eq!(call().await, []);
    set(&config, "[client]\ntrace = \"detailed\"\n[client.retry]\nattempts = 1");
    assert_eq!(call().await, [("attempt", 0, true, true), ("call", 0, true, true)]);
    set(&config, "");
    assert_eq!(call().await.len(), 4);
    governance.trace.set(Level::Off);
    assert_eq!(call().await, []);
}

#[tokio::test(start_paused = true)]
async fn a_call_s_options_and_other_clients_keep_what_they_have() {
    let (address, calls) = closing_server().await;
    let config =
        config("[client.services.Bank.retry]\nattempts = 9\n[client.services.Echo.retry]\nattempts = 2");
    let client = build(&address, &config);
    failure(&client, &OTHER).await;
    tokio::task::yield_now().await;
    assert_eq!(calls.swap(0, Ordering::Relaxed), 2);
    let once = CallOpt { retry: Some(RetryConfig::never()), ..CallOpt::default() };
    failure(&Plain(client.0.with_callopt(once)), &OTHER).await;
    tokio::task::yield_now().await;
    assert_eq!(calls.swap(0, Ordering::Relaxed), 1);
    assert_eq!(config.unknown(), ["client.services.Bank"]);
    drop(client);
    assert!(config.unknown().is_empty(), "nobody is left to know better");
}

#[tokio::test(start_paused = true)]
async fn the_example_of_the_documentation_changes_nothing() {
    let text = include_str!("../../docs/governance.md");
    let example = text.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let (config, governance) = (config(example), Governance::default());
    let defaults = Governance::default();
    let _client: Plain = ClientBuilder::new("echo").governance(governance.clone()).config(&config).build();
    let route = volo_core::layers::Route { service: "Echo", method: "echo" };
    assert_eq!(
        governance.timeouts.get().get(route).total,
        Some(2000 * MS),
        "said, where it is implied by default"
    );
    assert_eq!(governance.timeouts.get().get(route).attempt, defaults.timeouts.get().get(route).attempt);
    assert_eq!(governance.retry.get().get(route), defaults.retry.get().get(route));
    assert_eq!(governance.breakers.config().get(route), defaults.breakers.config().get(route));
    assert_eq!(governance.budget.percent(), defaults.budget.percent());
    assert!(!governance.fallback_suspended.get().get(route));
    assert_eq!(governance.trace.get(), defaults.trace.get());
}
