//! The suites there are.

use std::{future::Future, pin::Pin};

use volo_core::BoxError;

use crate::{
    cancel, conns, cut, drain, fair, fdlimit, hostile, overload, panics, report::Report, slowloris, soak,
};

/// What running a suite gives: its figures are in the report, an error is a fault of the suite itself.
pub type Run<'a> = Pin<Box<dyn Future<Output = Result<(), BoxError>> + 'a>>;

/// One suite.
pub struct Suite {
    /// What it is called on the command line.
    pub name: &'static str,
    /// What it does, and what its size counts.
    pub about: &'static str,
    /// The size that counts.
    pub full: u64,
    /// The size for every change.
    pub quick: u64,
    /// Runs it.
    pub run: for<'a> fn(u64, &'a mut Report) -> Run<'a>,
}

/// All of them, in the order in which `all` runs them.
pub const SUITES: &[Suite] = &[
    Suite {
        name: "hostile",
        about: "bytes made to hurt, to a server and to a client; size: rounds",
        full: 1,
        quick: 1,
        run: |size, report| Box::pin(hostile::run(size, report)),
    },
    Suite {
        name: "cancel",
        about: "calls of which 30 % are dropped at random points; size: calls",
        full: 1_000_000,
        quick: 100_000,
        run: |size, report| Box::pin(cancel::run(size, report)),
    },
    Suite {
        name: "panics",
        about: "handlers of which 10 % panic; size: calls",
        full: 100_000,
        quick: 20_000,
        run: |size, report| Box::pin(panics::run(size, report)),
    },
    Suite {
        name: "drain",
        about: "shutdowns under load and idle; size: shutdowns",
        full: 1000,
        quick: 50,
        run: |size, report| Box::pin(drain::run(size, report)),
    },
    Suite {
        name: "fdlimit",
        about: "a server without descriptors; size: rounds",
        full: 5,
        quick: 1,
        run: |size, report| Box::pin(fdlimit::run(size, report)),
    },
    Suite {
        name: "conns",
        about: "many connections; size: idle ones",
        full: 10_000,
        quick: 2000,
        run: |size, report| Box::pin(conns::run(size, report)),
    },
    Suite {
        name: "slowloris",
        about: "connections that begin a frame and stop; size: connections",
        full: 5000,
        quick: 500,
        run: |size, report| Box::pin(slowloris::run(size, report)),
    },
    Suite {
        name: "cut",
        about: "a fault at every byte of requests and replies; size: messages",
        full: 20,
        quick: 2,
        run: |size, report| Box::pin(cut::run(size, report)),
    },
    Suite {
        name: "fair",
        about: "connections that take more than their share; size: seconds per case",
        full: 10,
        quick: 2,
        run: |size, report| Box::pin(fair::run(size, report)),
    },
    Suite {
        name: "overload",
        about: "three times as many calls as there is room for; size: seconds",
        full: 30,
        quick: 5,
        run: |size, report| Box::pin(overload::run(size, report)),
    },
    Suite {
        name: "soak",
        about: "calls of which 30 % go wrong; size: seconds",
        full: 600,
        quick: 60,
        run: |size, report| Box::pin(soak::run(size, report)),
    },
];
