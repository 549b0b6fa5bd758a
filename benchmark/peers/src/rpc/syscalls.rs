//! System calls per request, counted from outside in a pass of their own.

use std::{process::Command, thread, time::Duration};

use peer_harness::rpc::Work;

use super::{
    compare::Servers,
    plan::{Entry, PEAK},
    process::{Round, client, outcome},
};

const WARM_UP_MS: u64 = 150;
const WINDOW: &str = "0.3";

/// Counts of the server and of the client per request, or why there are none.
pub(super) fn count(servers: &mut Servers, entry: Entry) -> Result<(f64, f64), String> {
    let server = servers.get(entry, PEAK.transport)?;
    let round = Round {
        work: Work::Echo(64),
        concurrency: PEAK.concurrency,
        rate: None,
        warm_up_ms: WARM_UP_MS,
        duration_ms: 900,
    };
    let client = client(server, entry.mode, &round)?;
    thread::sleep(Duration::from_millis(2 * WARM_UP_MS));
    let server_calls = per_second(server.id());
    let client_calls = per_second(client.id());
    let outcome = outcome(server, client)?;
    Ok((server_calls? / outcome.qps, client_calls? / outcome.qps))
}

/// System calls a second of a process.
fn per_second(process: u32) -> Result<f64, String> {
    let output = Command::new("perf")
        .args([
            "stat",
            "-x",
            ",",
            "-e",
            "raw_syscalls:sys_enter",
            "-p",
            &process.to_string(),
            "sleep",
            WINDOW,
        ])
        .output()
        .map_err(|error| format!("perf can't be run: {error}"))?;
    let text = String::from_utf8_lossy(&output.stderr);
    let line = text.lines().find(|line| line.contains("sys_enter"));
    let count = line.and_then(|line| line.split(',').next()?.parse::<f64>().ok());
    let seconds: f64 = WINDOW.parse().map_err(|_| "the window is no number")?;
    count.map(|count| count / seconds).ok_or_else(|| format!("perf counted nothing: {}", text.trim()))
}
