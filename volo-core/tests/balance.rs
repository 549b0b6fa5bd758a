//! The balance layer in a plain tower stack, fed by every built-in source of instances.

use std::{
    future::Future,
    io::Write,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{sync::mpsc, time::sleep};
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
use volo_core::{
    Address, Attempt, Body, Context, DecodeLimits, Error, ErrorKind, Format, Outcome, Raw, Request, Response,
    Result,
    balance::{BalanceLayer, Balancer, Instance, LoadBalance},
    discover::{Discover, DnsDiscover, Feed, FileDiscover, StaticDiscover},
};

fn request() -> Request {
    let limits = DecodeLimits { depth_max: 1, memory_max: 0 };
    let raw = Raw { format: Format(0), bytes: bytes::Bytes::new(), limits };
    Request::new(Context::new("Catalog", "list"), Body::Raw(raw))
}

fn instances(ports: impl IntoIterator<Item = u16>) -> Vec<Instance> {
    ports.into_iter().map(|port| format!("10.0.0.1:{port}").parse().unwrap()).collect()
}

fn answer(request: Request) -> Result<Response> {
    let body = request.body().clone();
    Ok(Response::new(request.into_context(), body, Outcome::Success))
}

/// Who a call goes to, with `balancer` in a stack of tower's own parts.
async fn ask(balancer: &Arc<Balancer>, request: Request) -> Result<Address> {
    let stack = ServiceBuilder::new()
        .layer(BalanceLayer::new(balancer.clone()))
        .service(service_fn(async |request: Request| answer(request)));
    let response = stack.oneshot(request).await?;
    Ok(response.context.peer.as_ref().unwrap().address.clone())
}

fn port(address: &Address) -> u16 {
    let Address::Tcp(address) = address else { panic!("{address}") };
    address.port()
}

async fn ports(balancer: &Arc<Balancer>, calls: usize) -> Vec<u16> {
    let mut ports = Vec::new();
    for _ in 0..calls {
        ports.push(port(&ask(balancer, request()).await.unwrap()));
    }
    ports.sort_unstable();
    ports.dedup();
    ports
}

/// Lists that a test sends, and failures in between.
struct Scripted(mpsc::UnboundedReceiver<Result<Vec<Instance>>>);

impl Discover for Scripted {
    async fn next(&mut self) -> Result<Vec<Instance>> {
        match self.0.recv().await {
            Some(next) => next,
            None => std::future::pending().await,
        }
    }
}

fn scripted() -> (mpsc::UnboundedSender<Result<Vec<Instance>>>, Feed) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (sender, Feed::new(Scripted(receiver)))
}

#[tokio::test(start_paused = true)]
async fn attempts_go_to_others_and_fixed_peers_stay() {
    let balancer = Balancer::new(LoadBalance::round_robin());
    balancer.update(instances(1..=3));
    assert_eq!(ports(&balancer, 3).await, [1, 2, 3]);
    let first = Attempt { tried: Some(Arc::default()), ..Attempt::default() };
    let mut seen = Vec::new();
    for number in 0..3 {
        let mut request = request();
        request.context.attempt = first.further(number);
        seen.push(port(&ask(&balancer, request).await.unwrap()));
    }
    seen.sort_unstable();
    assert_eq!(seen, [1, 2, 3], "each attempt went to another one");
    let mut fixed = request();
    fixed.context.peer = Some(Arc::new(volo_core::Peer::new("10.0.0.9:9".parse().unwrap())));
    assert_eq!(port(&ask(&balancer, fixed).await.unwrap()), 9);
}

#[tokio::test(start_paused = true)]
async fn calls_under_way_are_counted_also_when_dropped() {
    let balancer = Balancer::new(LoadBalance::default());
    balancer.update(instances(1..=2));
    let endless = service_fn(async |request: Request| {
        sleep(Duration::from_secs(1)).await;
        answer(request)
    });
    let mut stack = ServiceBuilder::new().layer(BalanceLayer::new(balancer.clone())).service(endless);
    let calls: Vec<_> = (0..10).map(|_| stack.call(request())).collect();
    let under_way = || balancer.snapshot().endpoints().iter().map(|it| it.in_flight()).collect::<Vec<_>>();
    assert_eq!(under_way(), [5, 5], "whoever has less gets the next");
    for (number, call) in calls.into_iter().enumerate() {
        if number % 2 == 0 {
            call.await.unwrap();
        }
    }
    assert_eq!(under_way(), [0, 0]);
}

#[tokio::test(start_paused = true)]
async fn who_fails_is_left_out_and_comes_back() {
    let balancer = Balancer::new(LoadBalance::default());
    balancer.update(instances(1..=3));
    let (down, hits) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicUsize::new(0)));
    let stack = {
        let (down, hits) = (down.clone(), hits.clone());
        ServiceBuilder::new().layer(BalanceLayer::new(balancer.clone())).service(service_fn(
            move |request: Request| {
                let is_first = port(&request.context.peer.as_ref().unwrap().address) == 1;
                hits.fetch_add(usize::from(is_first), Ordering::Relaxed);
                let fails = is_first && down.load(Ordering::Relaxed);
                let failed = Error::new(ErrorKind::Connect, "nobody listens");
                std::future::ready(if fails { Err(failed) } else { answer(request) })
            },
        ))
    };
    let run = async |calls: usize| {
        let before = hits.load(Ordering::Relaxed);
        for _ in 0..calls {
            let _ = stack.clone().oneshot(request()).await;
        }
        hits.load(Ordering::Relaxed) - before
    };
    assert_eq!(run(1000).await, 5, "five failures in a row are enough");
    assert_eq!(run(1000).await, 0);
    down.store(false, Ordering::Relaxed);
    for _ in 0..200 {
        sleep(Duration::from_millis(100)).await;
        run(10).await;
    }
    let hits = run(3000).await;
    assert!((800..1200).contains(&hits), "{hits} of a third of 3,000");
}

#[tokio::test(start_paused = true)]
async fn the_first_calls_wait_for_the_first_list() {
    let (lists, feed) = scripted();
    let balancer = Balancer::discovering(LoadBalance::round_robin(), feed);
    let call = tokio::spawn({
        let balancer = balancer.clone();
        async move { ask(&balancer, request()).await.unwrap() }
    });
    sleep(Duration::from_secs(1)).await;
    assert!(!call.is_finished());
    lists.send(Ok(instances([7]))).unwrap();
    assert_eq!(port(&call.await.unwrap()), 7);
}

#[tokio::test(start_paused = true)]
async fn the_old_list_stays_in_use_while_the_source_is_down() {
    let down = || Err(Error::new(ErrorKind::Connect, "the source is down"));
    let (lists, feed) = scripted();
    let balancer = Balancer::discovering(LoadBalance::round_robin(), feed);
    lists.send(down()).unwrap();
    let error = ask(&balancer, request()).await.unwrap_err();
    assert_eq!(error.to_string(), "no instance of Catalog is known");
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "the source is down");
    lists.send(Ok(instances([1, 2]))).unwrap();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(ports(&balancer, 2).await, [1, 2]);
    for _ in 0..20 {
        lists.send(down()).unwrap();
    }
    sleep(Duration::from_secs(30)).await;
    assert_eq!(ports(&balancer, 2).await, [1, 2]);
    lists.send(Ok(instances([2, 3, 4]))).unwrap();
    sleep(Duration::from_secs(300)).await;
    assert_eq!(ports(&balancer, 3).await, [2, 3, 4]);
    lists.send(Ok(Vec::new())).unwrap();
    sleep(Duration::from_secs(1)).await;
    assert!(ask(&balancer, request()).await.unwrap_err().is_connect(), "an empty list is an answer");
}

#[tokio::test(start_paused = true)]
async fn new_instances_are_warmed_up_once_before_use() {
    let (lists, feed) = scripted();
    let warmed: Arc<Mutex<Vec<u16>>> = Arc::default();
    let log = warmed.clone();
    let feed = feed.warm_up(move |instance| {
        log.lock().unwrap().push(port(&instance.address));
        async move {
            sleep(Duration::from_millis(if port(&instance.address) == 3 { 60_000 } else { 100 })).await;
            if port(&instance.address) == 2 { Err(Error::internal("it is cold")) } else { Ok(()) }
        }
    });
    let balancer = Balancer::discovering(LoadBalance::round_robin(), feed);
    lists.send(Ok(instances([1, 2]))).unwrap();
    let start = tokio::time::Instant::now();
    assert_eq!(ports(&balancer, 2).await, [1, 2], "one that can't be warmed up is used nonetheless");
    assert_eq!(start.elapsed().as_millis(), 100);
    lists.send(Ok(instances([1, 2, 3]))).unwrap();
    sleep(Duration::from_millis(900)).await;
    assert_eq!(ports(&balancer, 3).await, [1, 2]);
    sleep(Duration::from_millis(200)).await;
    assert_eq!(ports(&balancer, 3).await, [1, 2, 3], "nobody is waited for longer than a second");
    warmed.lock().unwrap().sort_unstable();
    assert_eq!(*warmed.lock().unwrap(), [1, 2, 3]);
}

/// A client in a `static` outlives the runtime of a test.
#[test]
fn discovery_goes_on_in_another_runtime() {
    let (lists, feed) = scripted();
    let balancer = Balancer::discovering(LoadBalance::round_robin(), feed);
    let in_runtime = |work: std::pin::Pin<Box<dyn Future<Output = ()> + '_>>| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
        runtime.unwrap().block_on(work);
    };
    lists.send(Ok(instances([1]))).unwrap();
    in_runtime(Box::pin(async { assert_eq!(ports(&balancer, 1).await, [1]) }));
    lists.send(Ok(instances([2]))).unwrap();
    in_runtime(Box::pin(async {
        ports(&balancer, 1).await;
        sleep(Duration::from_secs(1)).await;
        assert_eq!(ports(&balancer, 1).await, [2]);
    }));
}

#[tokio::test]
async fn a_dropped_balancer_ends_its_discovery() {
    let (lists, feed) = scripted();
    let balancer = Balancer::discovering(LoadBalance::round_robin(), feed);
    lists.send(Ok(instances([1]))).unwrap();
    ask(&balancer, request()).await.unwrap();
    drop(balancer);
    lists.closed().await;
}

#[tokio::test]
async fn static_lists_and_names_are_sources() {
    let fixed = Feed::new(StaticDiscover::new(instances([1, 2])));
    assert_eq!(ports(&Balancer::discovering(LoadBalance::round_robin(), fixed), 2).await, [1, 2]);
    let name = Feed::new(DnsDiscover::new("localhost", 80));
    let found = ask(&Balancer::discovering(LoadBalance::round_robin(), name), request()).await.unwrap();
    assert_eq!(port(&found), 80);
}

#[tokio::test]
async fn a_file_is_followed_and_a_broken_one_is_not() {
    let path = std::env::temp_dir().join(format!("volo-core-discover-{}", std::process::id()));
    let replace = |text: &str| {
        let next = path.with_extension("next");
        std::fs::File::create(&next).unwrap().write_all(text.as_bytes()).unwrap();
        std::fs::rename(&next, &path).unwrap();
    };
    let source = FileDiscover::new(&path).interval(Duration::from_millis(5));
    let balancer = Balancer::discovering(LoadBalance::round_robin(), Feed::new(source));
    let error = ask(&balancer, request()).await.unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("can't be opened"), "{cause}");
    let until = async |expected: &[u16]| {
        while balancer.snapshot().endpoints().len() != expected.len() {
            sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(ports(&balancer, expected.len()).await, expected);
    };
    replace("10.0.0.1:1\n10.0.0.1:2 weight=10\n");
    until(&[1, 2]).await;
    replace("10.0.0.1:1\nnonsense\n");
    sleep(Duration::from_millis(100)).await;
    until(&[1, 2]).await;
    replace("10.0.0.1:4 # alone\n");
    until(&[4]).await;
    std::fs::remove_file(&path).unwrap();
    sleep(Duration::from_millis(100)).await;
    until(&[4]).await;
}
