//! Under which circumstances figures were measured.

use std::{fs, process::Command, thread};

/// One line: processors, kernel, load, allocator, compiler, commit.
pub(crate) fn header() -> String {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let cpu =
        cpu.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split(": ").nth(1));
    let processors = thread::available_parallelism().map_or(0, usize::from);
    let load = read("/proc/loadavg");
    let load: Vec<&str> = load.split_whitespace().take(3).collect();
    format!(
        "# {processors} processors ({}), Linux {}, load {} before the run, mimalloc, {}, commit {}",
        cpu.unwrap_or("unknown"),
        read("/proc/sys/kernel/osrelease").trim(),
        load.join(" "),
        first_line("rustc", &["--version"]),
        first_line("git", &["-C", env!("CARGO_MANIFEST_DIR"), "describe", "--always", "--dirty"]),
    )
}

fn first_line(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&output).lines().next().unwrap_or("unknown").to_owned()
}
