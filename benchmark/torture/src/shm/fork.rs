//! A fork of a process that holds sessions: it has all of them too, until it starts a program or ends.

use std::{os::unix::process::CommandExt, process::Command, thread, time::Duration};

use volo_core::BoxError;

use super::Server;
use crate::report::Report;

/// How long the fork lives.
const LIFE: Duration = Duration::from_secs(1);

/// Runs the case: calls go on beside the fork, and nothing is held any more once it has ended.
pub async fn run(report: &mut Report) -> Result<(), BoxError> {
    let case = "client forked";
    let mut server = Server::start("fork")?;
    let client = server.client().mux(1).build();
    client.echo("before".into()).await?;
    let mut command = Command::new("true");
    // SAFETY: all that the fork does before it starts the program is to sleep.
    unsafe {
        command.pre_exec(|| {
            thread::sleep(LIFE);
            Ok(())
        });
    }
    let fork = thread::spawn(move || command.status());
    let (mut right, mut beside) = (0, 0);
    while !fork.is_finished() {
        let text = "x".repeat(beside as usize % 5000);
        right += u64::from(client.echo(text.clone().into()).await.is_ok_and(|reply| reply == text));
        beside += 1;
    }
    fork.join().map_err(|_| "the fork's parent panicked")??;
    report.at_least(case, "calls beside the fork", beside, 100u64);
    report.equal(case, "right answers", right, beside);
    drop(client);
    server.end(case, report).await
}
