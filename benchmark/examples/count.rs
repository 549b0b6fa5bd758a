//! scratch
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
#[inline(never)]
fn measured(run: &mut benchmark::layers::Run, n: usize) {
    for _ in 0..n {
        run();
    }
}
fn main() {
    let mut args = std::env::args().skip(1);
    let name = args.next().unwrap();
    let n: usize = args.next().unwrap().parse().unwrap();
    let rt = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let _e = rt.enter();
    for (case, mut run) in benchmark::layers::cases() {
        if case == name {
            for _ in 0..300 {
                run();
            }
            measured(&mut run, n);
        }
    }
}
