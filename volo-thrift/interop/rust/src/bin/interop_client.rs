//! Calls a peer and prints a line for each cell: `interop-client kitex|python|cpp NAME=ADDRESS…`.

use std::process::ExitCode;

use interop::{
    cells::{self, Servers},
    report::Report,
};
use volo_core::BoxError;

#[tokio::main]
async fn main() -> Result<ExitCode, BoxError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (peer, servers) = arguments.split_first().ok_or("a peer must be named: kitex, python or cpp")?;
    let servers = Servers::parse(servers)?;
    let mut report = Report::to_peer(peer);
    match peer.as_str() {
        "kitex" => cells::kitex(&mut report, &servers).await?,
        "python" | "cpp" => cells::apache(&mut report, &servers).await?,
        other => return Err(format!("{other} is no peer: kitex, python and cpp are").into()),
    }
    Ok(if report.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
