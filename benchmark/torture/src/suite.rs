//! The suites there are.

use std::{future::Future, pin::Pin};

use volo_core::BoxError;

use crate::{
    cancel, conns, cut, drain, fair, fdlimit, hostile, overload, panics,
    report::{Report, thousands},
    slowloris, soak,
};

/// What running a suite gives: its figures are in the report, an error is a fault of the suite itself.
pub type Run<'a> = Pin<Box<dyn Future<Output = Result<(), BoxError>> + 'a>>;

/// One suite.
pub struct Suite {
    /// What it is called on the command line.
    pub name: &'static str,
    /// What it does.
    pub about: &'static str,
    /// What its size counts.
    pub unit: &'static str,
    /// The size that counts.
    pub full: u64,
    /// The size for a quick look.
    pub quick: u64,
    /// Whether every change has to pass its quick size.
    pub gate: bool,
    /// Whether it judges times or shares, which a machine that others use can spoil: the gate repeats it once then.
    pub timed: bool,
    /// Runs it.
    pub run: for<'a> fn(u64, &'a mut Report) -> Run<'a>,
}

impl Suite {
    /// A size of this suite in words.
    pub fn size(&self, size: u64) -> String {
        format!("{} {}", thousands(size as i64), self.unit)
    }
}

/// The suites with their sizes, for whoever asks.
pub fn list() -> String {
    let mut text = String::from("Suites, with what is run, in full and with --quick; * is part of `gate`:\n");
    for suite in SUITES {
        let gate = if suite.gate { "*" } else { " " };
        let (full, quick) = (thousands(suite.full as i64), thousands(suite.quick as i64));
        text +=
            &format!("{gate} {:10} {}; {} {}, quick {quick}\n", suite.name, suite.about, full, suite.unit);
    }
    text
}

/// All of them, in the order in which `all` runs them.
pub const SUITES: &[Suite] = &[
    Suite {
        name: "hostile",
        about: "bytes made to hurt, sent to a server and to clients",
        unit: "rounds",
        full: 1,
        quick: 1,
        gate: true,
        timed: false,
        run: |size, report| Box::pin(hostile::run(size, report)),
    },
    Suite {
        name: "cancel",
        about: "calls of which 30 % are dropped at random points, in each of two modes",
        unit: "calls",
        full: 1_000_000,
        quick: 100_000,
        gate: true,
        timed: false,
        run: |size, report| Box::pin(cancel::run(size, report)),
    },
    Suite {
        name: "panics",
        about: "handlers of which 10 % panic, in each of two modes",
        unit: "calls",
        full: 100_000,
        quick: 100_000,
        gate: true,
        timed: false,
        run: |size, report| Box::pin(panics::run(size, report)),
    },
    Suite {
        name: "drain",
        about: "shutdowns of servers under load, idle, and in the middle of a call",
        unit: "shutdowns",
        full: 1000,
        quick: 50,
        gate: true,
        timed: true,
        run: |size, report| Box::pin(drain::run(size, report)),
    },
    Suite {
        name: "fdlimit",
        about: "a server without descriptors",
        unit: "rounds",
        full: 5,
        quick: 5,
        gate: true,
        timed: true,
        run: |size, report| Box::pin(fdlimit::run(size, report)),
    },
    Suite {
        name: "conns",
        about: "idle connections, a tenth as many active ones, a second of new ones at 5,000/s for each thousand",
        unit: "connections",
        full: 10_000,
        quick: 2000,
        gate: true,
        timed: true,
        run: |size, report| Box::pin(conns::run(size, report)),
    },
    Suite {
        name: "slowloris",
        about: "connections that begin a frame and stop, or go on byte by byte",
        unit: "connections",
        full: 5000,
        quick: 500,
        gate: false,
        timed: true,
        run: |size, report| Box::pin(slowloris::run(size, report)),
    },
    Suite {
        name: "cut",
        about: "faults of every kind at every byte of requests and replies, in each of four modes",
        unit: "messages",
        full: 20,
        quick: 3,
        gate: true,
        timed: false,
        run: |size, report| Box::pin(cut::run(size, report)),
    },
    Suite {
        name: "fair",
        about: "connections that take more than their share",
        unit: "seconds per case",
        full: 10,
        quick: 3,
        gate: true,
        timed: true,
        run: |size, report| Box::pin(fair::run(size, report)),
    },
    Suite {
        name: "overload",
        about: "three times as many calls as there is room for",
        unit: "seconds",
        full: 30,
        quick: 5,
        gate: false,
        timed: true,
        run: |size, report| Box::pin(overload::run(size, report)),
    },
    #[cfg(target_os = "linux")]
    Suite {
        name: "shm",
        about: "shared memory with peers that die, stop, lie or come from elsewhere; so many sessions with a liar",
        unit: "sessions",
        full: 20_000,
        quick: 1000,
        gate: true,
        timed: true,
        run: |size, report| Box::pin(crate::shm::run(size, report)),
    },
    Suite {
        name: "soak",
        about: "calls of which 30 % go wrong",
        unit: "seconds",
        full: 600,
        quick: 60,
        gate: false,
        timed: true,
        run: |size, report| Box::pin(soak::run(size, report)),
    },
];
