//! Times our compiler beside pilota-build on the same IDL.
//!
//! `cargo run --release --manifest-path volo-codegen/compare/Cargo.toml`; other IDL files may be named. Runs
//! alternate, so that a busy machine hurts both; the medians and the fastest runs are compared.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use volo_codegen::source::FileSource;
use volo_codegen::{Options, compile};

const RUNS: usize = 15;

fn main() {
    let named: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let out = std::env::temp_dir().join(format!("volo-codegen-compare-{}", std::process::id()));
    std::fs::create_dir_all(&out).expect("the temporary directory is writable");
    let files = if named.is_empty() { shop(&out) } else { named };

    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        ours.push(time(|| run_ours(&files, &out)));
        theirs.push(time(|| run_pilota(&files, &out)));
    }
    let lines = |name: &str| {
        let text = std::fs::read_to_string(out.join(name)).expect("was just written");
        (text.lines().count(), text.len() / 1024)
    };
    report("ours", &mut ours, lines("volo_gen.rs"));
    report("pilota-build", &mut theirs, lines("pilota_gen.rs"));
    println!(
        "pilota-build takes {:.1} times as long (medians), {:.1} times (fastest)",
        ratio(theirs[RUNS / 2], ours[RUNS / 2]),
        ratio(theirs[0], ours[0]),
    );
    let _ = std::fs::remove_dir_all(out);
}

/// The shop's IDL without reference fields, which pilota-build can't read.
fn shop(out: &Path) -> Vec<PathBuf> {
    let examples = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/idl"));
    let [_, roots @ ..] = ["tmf_common.thrift", "tmf620.thrift", "tmf622.thrift"].map(|name| {
        let text = std::fs::read_to_string(examples.join(name)).expect("the shop's IDL is there");
        let copy = out.join(name);
        std::fs::write(&copy, text.replace(" & ", " ")).expect("the directory is writable");
        copy
    });
    roots.to_vec()
}

/// Everything from the IDL's text to the written file.
fn run_ours(files: &[PathBuf], out: &Path) {
    let roots: Vec<&str> = files.iter().map(|file| file.to_str().expect("paths are UTF-8")).collect();
    let compiled = compile(&roots, &FileSource::default(), &Options::default());
    for file in compiled.files.expect("the IDL is free of errors") {
        // As if for the first time: an unchanged file would not be written.
        let _ = std::fs::remove_file(out.join(&file.path));
        file.write_to(out).expect("the directory is writable");
    }
}

/// The same, with all types and with its formatter's run; the variable `RUSTFMT=true` leaves that out.
fn run_pilota(files: &[PathBuf], out: &Path) {
    let output = pilota_build::Output::File(out.join("pilota_gen.rs"));
    pilota_build::Builder::thrift().ignore_unused(false).with_comments(true).compile(files, output);
}

fn time(run: impl FnOnce()) -> Duration {
    let start = Instant::now();
    run();
    start.elapsed()
}

fn report(name: &str, times: &mut [Duration], (lines, kib): (usize, usize)) {
    times.sort();
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let (median, fastest) = (ms(times[times.len() / 2]), ms(times[0]));
    println!("{name:<13} median {median:.1} ms, fastest {fastest:.1} ms; {lines} lines, {kib} KiB");
}

fn ratio(a: Duration, b: Duration) -> f64 {
    a.as_secs_f64() / b.as_secs_f64()
}
