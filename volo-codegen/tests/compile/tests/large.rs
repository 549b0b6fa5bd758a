//! How long the Rust compiler takes for the code of 2,000 structs.

#[path = "../../large/mod.rs"]
mod large;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use volo_codegen::source::MemorySource;
use volo_codegen::{Options, compile};

#[test]
#[ignore = "a minute of rustc; run it with --ignored --nocapture"]
fn two_thousand_structs() {
    for count in [500, 1_000, 2_000] {
        let source = MemorySource::new([("large.thrift", large::idl(count))]);
        let files = compile(&["large.thrift"], &source, &Options::default()).files.unwrap();
        let temporary = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let input = temporary.join("large.rs");
        std::fs::write(&input, &files[0].text).unwrap();
        let start = Instant::now();
        let output = Command::new("rustc")
            .args(["--edition=2024", "--crate-type=lib", "--emit=metadata", "-Dwarnings", "-L"])
            .arg(format!("dependency={}", dependencies().display()))
            .arg("--extern")
            .arg(format!("volo_thrift={}", runtime().display()))
            .arg("--out-dir")
            .arg(temporary)
            .arg(&input)
            .output()
            .unwrap();
        let report = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}", report.lines().take(50).collect::<Vec<_>>().join("\n"));
        let lines = files[0].text.lines().count();
        println!("{count} structs, {lines} lines: {:.1} s to check", start.elapsed().as_secs_f64());
        assert!(start.elapsed().as_secs() < 300);
    }
}

/// Where this test's libraries are: beside it.
fn dependencies() -> PathBuf {
    std::env::current_exe().unwrap().parent().unwrap().to_owned()
}

/// The library that was built last.
fn runtime() -> PathBuf {
    let files = std::fs::read_dir(dependencies()).unwrap().map(|entry| entry.unwrap().path());
    let is_runtime = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.starts_with("libvolo_thrift-") && name.ends_with(".rlib")
    };
    files.filter(is_runtime).max_by_key(|path| path.metadata().unwrap().modified().unwrap()).unwrap()
}
