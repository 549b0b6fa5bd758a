//! System calls per request, counted from outside in a pass of their own.

use std::{env, fs};

use super::{
    compare::Servers,
    plan::{Entry, PEAK},
    process::{Round, client},
};

const EVENT: &str = "raw_syscalls:sys_enter";
/// Long against what a client needs to start.
const ROUND: Round =
    Round { work: PEAK.work, concurrency: PEAK.concurrency, rate: None, warm_up_ms: 100, duration_ms: 700 };

/// Counts of the server and of the client per request, or why there are none.
pub(super) fn count(servers: &mut Servers, entry: Entry) -> Result<(f64, f64), String> {
    let server = servers.get(entry, PEAK.transport)?;
    let process = server.id().to_string();
    let of_server: [&str; 2] = ["-p", &process];
    let mut counts = [&of_server[..], &[]].into_iter().map(|which| {
        let path = env::temp_dir().join(format!("peers-perf-{}", std::process::id()));
        let file = path.display().to_string();
        let perf = [&["perf", "stat", "-x", ",", "-o", &file, "-e", EVENT][..], which, &["--"]].concat();
        let outcome = client(server, entry.mode, &ROUND, &perf)?;
        let text = fs::read_to_string(&path).map_err(|error| format!("perf wrote nothing: {error}"))?;
        // Left behind, it is only a file in the temporary directory.
        let _ = fs::remove_file(&path);
        let line = text.lines().find(|line| line.contains(EVENT));
        let count = line.and_then(|line| line.split(',').next()?.parse::<f64>().ok());
        count.map(|count| count / outcome.calls).ok_or_else(|| format!("perf counted nothing: {text}"))
    });
    let server = counts.next().ok_or("no server")??;
    let client = counts.next().ok_or("no client")??;
    Ok((server, client))
}
