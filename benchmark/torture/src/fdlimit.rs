//! A server without descriptors: it keeps serving those it has, and takes new ones once some are free again.

use std::time::{Duration, Instant};

use volo_core::BoxError;

use crate::{
    peer::{Answer, Peer, echo, framed},
    process::Server,
    report::Report,
};

/// Descriptors that the server may have. By default it keeps 64 of them for other things than connections.
const DESCRIPTORS: u32 = 128;

/// Connections that want to be served at the same time.
const CROWD: usize = 200;

/// Runs the suite so many times over; each time with more connections than descriptors, and both with a limit on
/// connections that is below that of the system and with one that is above.
pub async fn run(rounds: u64, report: &mut Report) -> Result<(), BoxError> {
    for (case, settings) in
        [("limit of connections", &[][..]), ("limit of the system", &["connections_max=1000"])]
    {
        let mut server = Server::limited(settings, Some(DESCRIPTORS))?;
        let mut veteran = Peer::connect(server.address).await?;
        let mut slowest = Duration::ZERO;
        for _ in 0..rounds {
            let mut crowd = Vec::new();
            for _ in 0..CROWD {
                crowd.push(Peer::connect(server.address).await?);
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
            for id in 1..=100 {
                veteran.send(&framed(&echo(id, "still here"))).await;
                if veteran.answer(Duration::from_secs(5)).await != Answer::Reply(id) {
                    report.equal(case, "calls of an old connection that failed", 1_u64, 0);
                    veteran = Peer::connect(server.address).await?;
                }
            }
            drop(crowd);
            let start = Instant::now();
            let mut newcomer = Peer::connect(server.address).await?;
            newcomer.send(&framed(&echo(7, "new"))).await;
            let answer = newcomer.answer(Duration::from_secs(10)).await;
            slowest = slowest.max(start.elapsed());
            report.equal(case, "newcomer's answer", format!("{answer:?}"), "Reply(7)".to_owned());
        }
        report.at_most(case, "slowest recovery, ms", slowest, Duration::from_secs(1));
        report.equal(case, "panics", server.meter()?.panics, 0);
    }
    Ok(())
}
