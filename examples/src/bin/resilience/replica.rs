//! One replica of the catalogue: a process of its own, which can be killed, slowed and stopped.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, Command, Stdio},
    time::Duration,
};

use examples::{catalog::CatalogHandler, shop::Data, tmf::catalog::ProductCatalogServiceServer};
use volo_core::{
    Address, BoxError,
    layers::{
        PerMethod, Setting,
        fault::{FaultConfig, FaultLayer},
    },
};

/// How many offerings each replica has.
pub(crate) const OFFERINGS: usize = 100;

/// What a replica prints before its address.
const READY: &str = "listens at ";

/// A running replica; killed when dropped.
pub(crate) struct Replica {
    process: Child,
    input: ChildStdin,
    address: Address,
}

impl Replica {
    /// Starts this program again as a replica and waits until it listens.
    pub(crate) fn start(address: &str, work: Duration) -> Result<Self, BoxError> {
        let mut process = Command::new(std::env::current_exe()?)
            .args(["replica", address, &work.as_millis().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (Some(input), Some(output)) = (process.stdin.take(), process.stdout.take()) else {
            return Err("a replica has no input or output".into());
        };
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let address = line.trim().strip_prefix(READY).ok_or("a replica did not start")?.parse()?;
        Ok(Replica { process, input, address })
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// Lets it take so long for a call.
    pub(crate) fn set_work(&mut self, work: Duration) -> Result<(), BoxError> {
        writeln!(self.input, "{}", work.as_millis())?;
        Ok(self.input.flush()?)
    }

    /// Ends it at once.
    pub(crate) fn kill(&mut self) -> Result<(), BoxError> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }

    /// Stops it: the kernel still takes connections and bytes for it, but nobody answers.
    pub(crate) fn pause(&self) -> Result<(), BoxError> {
        self.signal("-STOP")
    }

    /// Lets it go on.
    pub(crate) fn resume(&self) -> Result<(), BoxError> {
        self.signal("-CONT")
    }

    fn signal(&self, name: &str) -> Result<(), BoxError> {
        let status = Command::new("kill").args([name, &self.process.id().to_string()]).status()?;
        if status.success() { Ok(()) } else { Err(format!("kill {name} failed").into()) }
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Is a replica, until its input ends.
pub(crate) async fn serve(address: &str, work: Duration) -> Result<(), BoxError> {
    let data = Data::in_memory()?;
    data.fill(OFFERINGS, |_| {}).await?;
    let delay: Setting<PerMethod<FaultConfig>> = taking(work).into();
    let server = ProductCatalogServiceServer::new(CatalogHandler::new(data.catalog())?);
    let bound = server.layer(FaultLayer::new(delay.clone())).bind(address).await?;
    println!("{READY}{}", bound.local_address());
    let (ended, end) = tokio::sync::oneshot::channel::<()>();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if let Ok(millis) = line.trim().parse() {
                delay.set(PerMethod::new(taking(Duration::from_millis(millis))));
            }
        }
        drop(ended);
    });
    bound.serve(async { drop(end.await) }).await;
    Ok(())
}

fn taking(work: Duration) -> FaultConfig {
    FaultConfig { delay_percent: 100, delay: work, ..FaultConfig::default() }
}
