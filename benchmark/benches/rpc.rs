//! Whole calls: `cargo bench -p benchmark --bench rpc`.
//!
//! `echo` inside the process, over a Unix domain socket and over loopback TCP, and `createProductOrder` over TCP (it
//! asks the catalogue; both stores in memory): over a pool of connections with one call each, and over one multiplexed
//! connection; one call at a time and 50 at once.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use benchmark::echo;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use examples::{
    echo::{EchoReply, EchoRequest, EchoService, EchoServiceClientBuilder, EchoServiceServer},
    sample::Samples,
    shop::{Data, Running, Shop},
    tmf::{
        catalog::{LAUNCHED, ProductOffering},
        common::ListQuery,
        ordering::ProductOrderingServiceClientBuilder,
    },
};
use faststr::FastStr;
use tokio::runtime::Runtime;
use volo_core::Address;
use volo_thrift::ServerError;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CONCURRENCY: [u64; 2] = [1, 50];
const ORDER_ITEMS: i32 = 3;
const SEED: u64 = 7;
/// Enough for every item of the sample order.
const OFFERINGS: usize = 100;

struct Handler;

impl EchoService for Handler {
    async fn echo(&self, request: EchoRequest) -> Result<EchoReply, ServerError> {
        Ok(EchoReply { message: request.message, sequence: request.sequence })
    }
}

fn rpc(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime starts");
    let any_port: Address = "127.0.0.1:0".parse().expect("an address");

    let directory = tempfile::tempdir().expect("a directory for the socket");
    let transports = [
        ("mem", Address::Mem("bench".into())),
        ("uds", Address::Unix(directory.path().join("bench.sock"))),
        ("tcp", any_port.clone()),
    ];
    for (transport, address) in transports {
        let server = runtime.block_on(Running::start(EchoServiceServer::new(Handler), &address));
        let server = server.expect("a free address");
        let builder = || EchoServiceClientBuilder::new("echo").address(server.address().clone());
        for (mode, client) in [("pingpong", builder().pingpong().build()), ("mux", builder().mux(1).build())]
        {
            measure(criterion, &runtime, &format!("echo-64/{transport}/{mode}"), move || {
                let client = client.clone();
                async move { client.echo(echo(64)).await.expect("a reply") }
            });
        }
    }

    let data = Data::in_memory().expect("memory");
    let shop = runtime.block_on(async {
        data.fill(OFFERINGS, |_| {}).await?;
        Shop::start(&data, &any_port, &any_port).await
    });
    let shop = shop.expect("free ports");
    let order = Samples::new(SEED).order(orderable(&data));
    let builder = || ProductOrderingServiceClientBuilder::new("ordering").address(shop.ordering().clone());
    for (mode, client) in [("pingpong", builder().pingpong().build()), ("mux", builder().mux(1).build())] {
        let order = order.clone();
        measure(criterion, &runtime, &format!("createProductOrder-{ORDER_ITEMS}/tcp/{mode}"), move || {
            let (client, order) = (client.clone(), order.clone());
            async move { client.create_product_order(order).await.expect("an order") }
        });
    }
}

/// The first offerings that can be ordered.
fn orderable(data: &Data) -> Vec<FastStr> {
    let query = ListQuery {
        limit: ORDER_ITEMS,
        filter: [("lifecycleStatus".into(), vec![LAUNCHED.into()])].into_iter().collect(),
        ..Default::default()
    };
    let offerings =
        data.catalog().collection::<ProductOffering>().and_then(|offerings| offerings.list(&query));
    offerings.expect("offerings").items.into_iter().map(|offering| offering.id).collect()
}

fn measure<F>(
    criterion: &mut Criterion,
    runtime: &Runtime,
    name: &str,
    call: impl Fn() -> F + Clone + Send + 'static,
) where
    F: Future + Send + 'static,
{
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(1));
    for concurrency in CONCURRENCY {
        group.bench_function(format!("c{concurrency}"), |bencher| {
            bencher.iter_custom(|iterations| runtime.block_on(run(concurrency, iterations, &call)));
        });
    }
    group.finish();
}

/// How long so many calls take, spread over tasks that each have one under way.
async fn run<F>(
    concurrency: u64,
    iterations: u64,
    call: &(impl Fn() -> F + Clone + Send + 'static),
) -> Duration
where
    F: Future + Send + 'static,
{
    let start = Instant::now();
    let task = |first| {
        let call = call.clone();
        tokio::spawn(async move {
            for _ in (first..iterations).step_by(concurrency as usize) {
                call().await;
            }
        })
    };
    let tasks: Vec<_> = (0..concurrency).map(task).collect();
    for task in tasks {
        task.await.expect("all calls succeed");
    }
    start.elapsed()
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).measurement_time(Duration::from_secs(3));
    targets = rpc
}
criterion_main!(benches);
