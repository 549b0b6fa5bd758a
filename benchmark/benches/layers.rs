//! What governance costs a call that has no need of it: `cargo bench -p benchmark --bench layers`.

use criterion::{Criterion, criterion_group, criterion_main};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn layers(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("layers");
    for (name, mut run) in benchmark::layers::cases() {
        group.bench_function(name, |bencher| bencher.iter(&mut run));
    }
    group.finish();
}

criterion_group!(benches, layers);
criterion_main!(benches);
