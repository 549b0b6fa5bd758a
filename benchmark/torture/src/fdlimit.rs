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

/// Calls of an old connection in each round.
const CALLS: i32 = 100;

/// Runs the suite so many times over; each time with more connections than descriptors, and both with a limit on
/// connections that is below that of the system and with one that is above.
pub async fn run(rounds: u64, report: &mut Report) -> Result<(), BoxError> {
    for (case, settings) in
        [("limit of connections", &[][..]), ("limit of the system", &["connections_max=1000"])]
    {
        let mut server = Server::limited(settings, Some(DESCRIPTORS))?;
        let before = server.rest()?;
        let mut veteran = Peer::connect(server.address).await?;
        let (mut answered, mut recovered, mut slowest, mut most) = (0, 0, Duration::ZERO, 0);
        for _ in 0..rounds {
            let mut crowd = Vec::new();
            for _ in 0..CROWD {
                crowd.push(Peer::connect(server.address).await?);
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
            most = most.max(server.descriptors()?);
            for id in 1..=CALLS {
                veteran.send(&framed(&echo(id, "still here"))).await;
                if veteran.answer(Duration::from_secs(5)).await == Answer::Reply(id) {
                    answered += 1;
                } else {
                    veteran = Peer::connect(server.address).await?;
                }
            }
            drop(crowd);
            let start = Instant::now();
            let mut newcomer = Peer::connect(server.address).await?;
            newcomer.send(&framed(&echo(7, "new"))).await;
            recovered += u64::from(newcomer.answer(Duration::from_secs(10)).await == Answer::Reply(7));
            slowest = slowest.max(start.elapsed());
        }
        let full = if settings.is_empty() { DESCRIPTORS - 64 } else { DESCRIPTORS };
        report.at_least(case, "descriptors in use", most, u64::from(full));
        report.equal(case, "calls of an old connection answered", answered, rounds * CALLS as u64);
        report.equal(case, "newcomers answered afterwards", recovered, rounds);
        report.at_most(case, "slowest recovery, ms", slowest, Duration::from_secs(1));
        drop(veteran);
        let (meter, rest) = server.settle(before).await?;
        report.equal(case, "panics", meter.panics, 0);
        report.at_most(case, "tasks left", rest.tasks, before.tasks);
        report.at_most(case, "descriptors left", rest.descriptors, before.descriptors);
    }
    Ok(())
}
