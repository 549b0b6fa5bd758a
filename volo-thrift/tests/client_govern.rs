//! A client's own layers: timeouts, retries, breaker, fallback, and what a call may override.

mod client_peer;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use client_peer::{Answer, ECHO, Peer, Plain, call_number, client, client_of, listen_mem, number, raw};
use tokio::{sync::mpsc, time::Instant};
use volo_core::{
    Address, Context, Error, ErrorKind, Outcome, Response,
    balance::LoadBalance,
    discover::StaticDiscover,
    layers::{
        PerMethod, Route, Rpc, Setting, Verdict,
        breaker::{BreakerConfig, BreakerState},
        retry::{Backoff, BackupConfig, BackupDelay, Budget, RetryConfig},
    },
};
use volo_thrift::{
    BizError, CallOpt, ClientBuilder, ClientError, Method,
    client::{Governance, Timeouts},
    meta::keys,
    wire::{Header, Incoming, MessageKind},
};

const MS: Duration = Duration::from_millis(1);

/// `echo` once more, but known to be idempotent.
static PURE: Method = Method { service: "Echo", name: "echo", oneway: false, idempotent: true };

/// What to do about a call.
enum Deed {
    Answer,
    Refuse,
    Fail,
    Close,
    Ignore,
    Delay(u64),
}

/// A server that does with its calls, numbered over all connections, what `deed` says; they can be read as well.
async fn serve(
    deed: impl Fn(usize) -> Deed + Send + Sync + 'static,
) -> (Address, mpsc::UnboundedReceiver<Incoming>) {
    let listener = listen_mem().await;
    let address = listener.local_address().clone();
    let (sender, calls) = mpsc::unbounded_channel();
    let (deed, count) = (Arc::new(deed), Arc::new(AtomicUsize::new(0)));
    tokio::spawn(async move {
        while let Ok(link) = listener.accept().await {
            let (deed, count, sender) = (deed.clone(), count.clone(), sender.clone());
            tokio::spawn(async move {
                let mut peer = Peer::new(link);
                while let Some(call) = peer.receive().await {
                    let answer = match deed(count.fetch_add(1, Ordering::Relaxed)) {
                        Deed::Answer => Some(Answer::default()),
                        Deed::Refuse => Some(exception(&[("volo-not-executed", "1")])),
                        Deed::Fail => Some(exception(&[])),
                        Deed::Ignore => None,
                        Deed::Close => return drop(sender.send(call)),
                        Deed::Delay(millis) => {
                            tokio::time::sleep(MS * millis as u32).await;
                            Some(Answer::default())
                        }
                    };
                    if let Some(answer) = answer {
                        peer.send(&call, &answer).await;
                    }
                    let _ = sender.send(call);
                }
            });
        }
    });
    (address, calls)
}

fn exception(pairs: &[(&'static str, &'static str)]) -> Answer {
    let body = [&[11, 0, 1, 0, 0, 0, 4][..], b"busy", &[8, 0, 2, 0, 0, 0, 6, 0]].concat();
    let strings = pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    let header = Header { strings, ..Header::default() };
    Answer { kind: MessageKind::Exception, header, body: Some(body.into()), ..Answer::default() }
}

fn pingpong(address: &Address) -> ClientBuilder<Plain> {
    client_of(address.clone()).pingpong()
}

fn received(calls: &mut mpsc::UnboundedReceiver<Incoming>) -> usize {
    std::iter::from_fn(|| calls.try_recv().ok()).count()
}

#[tokio::test(start_paused = true)]
async fn what_was_not_executed_is_sent_again_and_says_so() {
    let (address, mut calls) = serve(|call| if call < 2 { Deed::Refuse } else { Deed::Answer }).await;
    let client = pingpong(&address).build();
    assert_eq!(call_number(&client, &ECHO, 7).await.unwrap(), 7);
    let mark = format!("{}{}", keys::PERSISTENT, keys::RETRY);
    for expected in [None, Some("1"), Some("2")] {
        let header = calls.recv().await.unwrap().header.unwrap();
        assert_eq!(header.string(&mark).map(|number| number.as_str()), expected);
    }
    let never = client.0.with_callopt(CallOpt { retry: Some(RetryConfig::never()), ..CallOpt::default() });
    assert_eq!(call_number(&Plain(never), &ECHO, 8).await.unwrap(), 8);
}

#[tokio::test(start_paused = true)]
async fn what_may_have_been_executed_is_sent_again_if_that_does_no_harm() {
    for (method, config, expected) in [
        (&ECHO, RetryConfig::default(), 1),
        (&PURE, RetryConfig::default(), 2),
        (&ECHO, RetryConfig { non_idempotent: true, ..RetryConfig::default() }, 2),
        (&PURE, RetryConfig::never(), 1),
    ] {
        let (address, mut calls) = serve(|call| if call == 0 { Deed::Close } else { Deed::Answer }).await;
        let client = pingpong(&address).retry(config).build();
        let result = call_number(&client, method, 7).await;
        assert_eq!(result.is_ok(), expected == 2, "{result:?}");
        tokio::task::yield_now().await;
        assert_eq!(received(&mut calls), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_on_behalf_of_a_retry_is_not_retried() {
    let (address, mut calls) = serve(|_| Deed::Refuse).await;
    let client = pingpong(&address).build();
    let mut context = Context::new("Shop", "order");
    context.attempt = context.attempt.further(1);
    let (_, result) = context.scope(call_number(&client, &ECHO, 7)).await;
    assert!(result.is_err());
    tokio::task::yield_now().await;
    assert_eq!(received(&mut calls), 1);
}

#[tokio::test(start_paused = true)]
async fn attempts_and_calls_have_a_time_each() {
    let (address, mut calls) = serve(|_| Deed::Ignore).await;
    let timeouts = Timeouts { attempt: Some(MS * 300), total: Some(MS * 700) };
    let per_method = PerMethod::new(timeouts).with("Echo", "note", Timeouts::default());
    let client = pingpong(&address).timeouts(per_method).build();
    let took = async |client: &Plain, method| {
        let start = Instant::now();
        let error = call_number(client, method, 1).await.unwrap_err();
        assert!(error.is_timeout(), "{error:?}");
        start.elapsed().as_millis()
    };
    assert_eq!(took(&client, &PURE).await / 10, 70);
    assert_eq!(took(&client, &ECHO).await / 10, 30);
    let budget = |call: Incoming| -> u64 {
        call.header.unwrap().integer(keys::RPC_TIMEOUT_MS).unwrap().as_str().parse().unwrap()
    };
    for expected in [300, 300, 100, 300] {
        let told = budget(calls.recv().await.unwrap());
        assert!((expected - 5..=expected).contains(&told), "{told}");
    }
    let hasty = CallOpt { timeout: Some(MS * 50), ..CallOpt::default() };
    assert_eq!(took(&Plain(client.0.with_callopt(hasty.clone())), &ECHO).await / 10, 5);
    let bounded = CallOpt { total_timeout: Some(MS * 80), ..hasty };
    assert_eq!(took(&Plain(client.0.with_callopt(bounded)), &PURE).await / 10, 8);
}

#[tokio::test(start_paused = true)]
async fn nested_calls_inherit_what_is_left() {
    let (address, mut calls) = serve(|_| Deed::Ignore).await;
    let client = pingpong(&address).build();
    let mut context = Context::new("Shop", "order");
    context.deadline = Some((Instant::now() + MS * 150).into_std());
    let start = Instant::now();
    let (_, result) = context.scope(call_number(&client, &PURE, 1)).await;
    assert!(result.unwrap_err().is_timeout());
    assert_eq!(start.elapsed().as_millis() / 10, 15);
    assert_eq!(calls.recv().await.unwrap().header.unwrap().integer(keys::RPC_TIMEOUT_MS).unwrap(), "150");
}

#[tokio::test(start_paused = true)]
async fn a_slow_call_is_backed_up() {
    let (address, mut calls) = serve(|call| Deed::Delay(if call == 0 { 800 } else { 10 })).await;
    let backup = BackupConfig { delay: BackupDelay::Fixed(MS * 50), ..BackupConfig::default() };
    let backup = BackupConfig { percent_max: 100, ..backup };
    let client =
        pingpong(&address).retry(RetryConfig { backup: Some(backup), ..RetryConfig::default() }).build();
    let start = Instant::now();
    assert_eq!(call_number(&client, &PURE, 7).await.unwrap(), 7);
    assert!((60..100).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
    assert_eq!(call_number(&client, &ECHO, 8).await.unwrap(), 8);
    tokio::time::sleep(MS * 1000).await;
    assert_eq!(received(&mut calls), 3);
}

#[tokio::test(start_paused = true)]
async fn methods_that_fail_are_left_alone_until_they_work() {
    let (address, mut calls) = serve(|call| if call < 20 { Deed::Fail } else { Deed::Answer }).await;
    let governance = Governance::default();
    governance.breakers.configure(BreakerConfig { samples_min: 20, ..BreakerConfig::default() });
    let client = pingpong(&address).governance(governance.clone()).build();
    for _ in 0..20 {
        assert!(matches!(call_number(&client, &ECHO, 7).await, Err(ClientError::Application(_))));
    }
    let error = call_number(&client, &ECHO, 7).await.unwrap_err();
    assert!(error.as_rpc().unwrap().is_circuit_open(), "{error:?}");
    assert_eq!(received(&mut calls), 20);
    let route = Route { service: "Echo", method: "echo" };
    assert_eq!(governance.breakers.state(route), BreakerState::Open);
    tokio::time::sleep(MS * 5000).await;
    for _ in 0..3 {
        call_number(&client, &ECHO, 7).await.unwrap();
    }
    assert_eq!(governance.breakers.state(route), BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn users_say_what_a_failure_is() {
    let (address, mut calls) = serve(|_| Deed::Answer).await;
    let classify = Rpc::judged_by(|result| match result {
        Ok(response) if response.outcome().is_success() => Some(Verdict::Failure(volo_core::Retry::Always)),
        _ => None,
    });
    let client = pingpong(&address).classify(classify).build();
    assert_eq!(call_number(&client, &ECHO, 7).await.unwrap(), 7);
    tokio::task::yield_now().await;
    assert_eq!(received(&mut calls), 3);
}

#[tokio::test(start_paused = true)]
async fn a_fallback_answers_once_all_attempts_failed() {
    let (address, mut calls) = serve(|_| Deed::Refuse).await;
    let client = pingpong(&address).fallback(async |request, failure| {
        assert!(failure.is_ok_and(|response| matches!(response.outcome(), Outcome::Failed(_))));
        assert_eq!(request.context.method, "echo");
        Ok(Response::new(request.into_context(), raw(number(42)), Outcome::Success))
    });
    assert_eq!(call_number(&client.build(), &ECHO, 7).await.unwrap(), 42);
    assert_eq!(received(&mut calls), 3);
}

#[tokio::test(start_paused = true)]
async fn attempts_go_to_other_instances() {
    let (broken, mut refused) = serve(|_| Deed::Refuse).await;
    let (sound, _calls) = serve(|_| Deed::Answer).await;
    let builder = ClientBuilder::<Plain>::new("echo")
        .pingpong()
        .discover(StaticDiscover::new([broken.clone(), sound.clone()]))
        .load_balance(LoadBalance::round_robin().ejection(None))
        .retry_budget(Budget::new(100, 0));
    let client = builder.build();
    for value in 0..20 {
        assert_eq!(call_number(&client, &ECHO, value).await.unwrap(), value);
    }
    assert!(received(&mut refused) >= 5);
    let there = client.0.with_callopt(CallOpt { address: Some(broken), ..CallOpt::default() });
    assert!(call_number(&Plain(there), &ECHO, 1).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn settings_change_while_the_client_lives() {
    let (address, mut calls) = serve(|_| Deed::Refuse).await;
    let retry: Setting<PerMethod<RetryConfig>> = RetryConfig::never().into();
    let client = pingpong(&address).retry(retry.clone()).build();
    assert!(call_number(&client, &ECHO, 1).await.is_err());
    let backoff = Backoff::Fixed(MS * 10);
    retry.set(PerMethod::new(RetryConfig { attempts_max: 5, backoff, ..RetryConfig::default() }));
    assert!(call_number(&client, &ECHO, 1).await.is_err());
    tokio::task::yield_now().await;
    assert_eq!(received(&mut calls), 6);
}

/// How many calls three replicas get for this many that are made, while all of them fail.
async fn storm(offered: usize, breaker: BreakerConfig, budget: Budget) -> usize {
    let mut replicas = Vec::new();
    for _ in 0..3 {
        replicas.push(serve(|call| if call % 2 == 0 { Deed::Close } else { Deed::Refuse }).await);
    }
    let addresses = replicas.iter().map(|(address, _)| address.clone());
    let client = ClientBuilder::<Plain>::new("echo")
        .pingpong()
        .discover(StaticDiscover::new(addresses))
        .breaker(breaker)
        .retry(RetryConfig { attempts_max: 10, ..RetryConfig::default() })
        .retry_budget(budget)
        .build();
    for _ in 0..offered {
        assert!(call_number(&client, &PURE, 1).await.is_err());
    }
    tokio::time::sleep(MS * 10).await;
    replicas.iter_mut().map(|(_, calls)| received(calls)).sum()
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_failures_is_not_multiplied() {
    let off = BreakerConfig { enabled: false, ..BreakerConfig::default() };
    let load = storm(1000, off.clone(), Budget::new(20, 0)).await;
    assert!((1150..=1200).contains(&load), "{load}");
    let load = storm(1000, off, Budget::default()).await;
    assert!((1150..=1210).contains(&load), "the reserve of ten comes on top: {load}");
    let load = storm(1000, BreakerConfig::default(), Budget::default()).await;
    assert!(load <= 250, "the breaker opens: {load}");
}

#[tokio::test(start_paused = true)]
async fn business_statuses_are_retried_if_they_are_named() {
    let listener = listen_mem().await;
    let retry = RetryConfig { codes: vec![42], ..RetryConfig::default() };
    let client = client(&listener).pingpong().retry(retry).build();
    let calling = tokio::spawn(async move { call_number(&client, &PURE, 7).await });
    let mut peer = Peer::accept(&listener).await;
    for status in ["42", "43"] {
        let call = peer.receive().await.unwrap();
        let strings = vec![("biz-status".into(), status.into()), ("biz-message".into(), "no".into())];
        let header = Header { strings, ..Header::default() };
        peer.send(&call, &Answer { header, body: Some(vec![0].into()), ..Answer::default() }).await;
    }
    let Err(ClientError::Biz(BizError { status_code, .. })) = calling.await.unwrap() else {
        panic!("not a business status")
    };
    assert_eq!(status_code, 43);
}

#[tokio::test(start_paused = true)]
async fn settings_that_make_no_sense_fail_calls_and_are_not_retried() {
    let client: Plain = ClientBuilder::new("echo").address("nowhere at all").build();
    let error: ClientError = call_number(&client, &PURE, 1).await.unwrap_err();
    assert!(matches!(error.as_rpc().map(Error::kind), Some(ErrorKind::Config)), "{error:?}");
}
