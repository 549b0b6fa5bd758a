//! The systems, and the two roles of this program that run one of them.

use std::{io::Read, process, str::FromStr, thread, time::Duration};

use peer_harness::rpc::{Endpoint, Load, Mode, Outcome, Work, pin};
use tokio::runtime::{Builder, Runtime};

/// Processor of every server.
const SERVER_PROCESSOR: usize = 0;
/// Processor of every client.
const CLIENT_PROCESSOR: usize = 1;

/// Whose server and client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum System {
    Ours,
    Volo,
    Tonic,
    Tarpc,
    Raw,
}

const NAMES: [(System, &str); 5] = [
    (System::Ours, "ours"),
    (System::Volo, "volo"),
    (System::Tonic, "tonic"),
    (System::Tarpc, "tarpc"),
    (System::Raw, "raw"),
];

impl System {
    pub(super) fn name(self) -> &'static str {
        NAMES.iter().find(|(system, _)| *system == self).map_or("", |(_, name)| name)
    }
}

impl FromStr for System {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = NAMES.iter().find(|(_, name)| *name == text);
        found.map(|(system, _)| *system).ok_or_else(|| format!("{text} is no system"))
    }
}

/// `SYSTEM MODE ENDPOINT`: serves until the driver ends.
pub(super) fn serve(words: &[&str]) -> Result<(), String> {
    let &[system, mode, endpoint] = words else {
        return Err(format!("a server needs SYSTEM MODE ENDPOINT, not {words:?}"));
    };
    let (system, mode, endpoint): (System, Mode, Endpoint) =
        (system.parse()?, mode.parse()?, endpoint.parse()?);
    pin(SERVER_PROCESSOR).map_err(|error| format!("can't stay on processor {SERVER_PROCESSOR}: {error}"))?;
    end_with_the_driver();
    if system == System::Raw {
        return peer_raw::rpc::serve(&endpoint).map_err(|error| error.to_string());
    }
    runtime()?.block_on(async {
        match system {
            System::Ours => peer_ours::rpc::serve(&endpoint).await,
            System::Volo => peer_volo::rpc::serve(mode, &endpoint, SAMPLES).await,
            System::Tonic => peer_tonic::rpc::serve(&endpoint).await,
            System::Tarpc => peer_tarpc::serve(&endpoint).await,
            System::Raw => Ok(()),
        }
    })
}

/// `SYSTEM MODE ENDPOINT WORK CONCURRENCY RATE WARM_UP_MS DURATION_MS SERVER_PID`: prints an [`Outcome`].
pub(super) fn load(words: &[&str]) -> Result<(), String> {
    let &[system, mode, endpoint, work, concurrency, rate, warm_up, duration, server] = words else {
        return Err(format!("a client needs nine words, not {words:?}"));
    };
    let (system, mode, endpoint): (System, Mode, Endpoint) =
        (system.parse()?, mode.parse()?, endpoint.parse()?);
    let rate: f64 = number(rate)?;
    let load = Load {
        work: work.parse()?,
        concurrency: number(concurrency)?,
        rate: (rate > 0.0).then_some(rate),
        warm_up: Duration::from_millis(number(warm_up)?),
        duration: Duration::from_millis(number(duration)?),
        server: number(server)?,
    };
    pin(CLIENT_PROCESSOR).map_err(|error| format!("can't stay on processor {CLIENT_PROCESSOR}: {error}"))?;
    println!("{}", run(system, mode, &endpoint, &load)?);
    Ok(())
}

fn run(system: System, mode: Mode, endpoint: &Endpoint, load: &Load) -> Result<Outcome, String> {
    if system == System::Raw {
        return peer_raw::rpc::load(mode, endpoint, load);
    }
    runtime()?.block_on(async {
        match system {
            System::Ours => peer_ours::rpc::load(mode, endpoint, load).await,
            System::Volo => peer_volo::rpc::load(mode, endpoint, load, SAMPLES).await,
            System::Tonic => peer_tonic::rpc::load(endpoint, load).await,
            System::Tarpc => peer_tarpc::load(endpoint, load).await,
            System::Raw => Err("the raw loops need no runtime".to_owned()),
        }
    })
}

const SAMPLES: peer_volo::rpc::Samples = peer_volo::rpc::Samples {
    page_of: peer_ours::samples::page_of,
    order_create: peer_ours::samples::order_create,
};

/// What `#[tokio::main]` gives a process with one processor.
fn runtime() -> Result<Runtime, String> {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
    runtime.map_err(|error| format!("no runtime: {error}"))
}

/// The driver holds the other end of the standard input.
fn end_with_the_driver() {
    thread::spawn(|| {
        let mut rest = Vec::new();
        // Whether it ends well or with an error, the driver is gone.
        let _ = std::io::stdin().read_to_end(&mut rest);
        process::exit(0);
    });
}

fn number<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{text} is no number"))
}

/// Whether a system is measured with this work.
pub(super) fn can(system: System, work: Work) -> bool {
    match system {
        System::Ours | System::Volo => true,
        System::Raw => matches!(work, Work::Echo(_)),
        System::Tonic | System::Tarpc => matches!(work, Work::Echo(_) | Work::Sleepy),
    }
}
