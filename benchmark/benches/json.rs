//! JSON and Thrift, directly, beside JSON and serde_json's tree: `cargo bench -p benchmark --bench json`.

use std::time::Duration;

use benchmark::json::Reply;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn json(criterion: &mut Criterion) {
    let reply = Reply::page();
    let mut group = criterion.benchmark_group("json/page-20");
    group.throughput(Throughput::Bytes(reply.json_len() as u64));
    group.bench_function("thrift from json", |bencher| bencher.iter(|| reply.thrift_from_json()));
    group.bench_function("tree from json", |bencher| bencher.iter(|| reply.tree_from_json()));
    group.bench_function("json from thrift", |bencher| bencher.iter(|| reply.json_from_thrift()));
    group.bench_function("json from tree", |bencher| bencher.iter(|| reply.json_from_tree()));
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(50).measurement_time(Duration::from_secs(2));
    targets = json
}
criterion_main!(benches);
