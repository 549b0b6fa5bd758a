//! One module for each command: its arguments, and how it runs.

pub(crate) mod bench;
pub(crate) mod breaking;
pub(crate) mod call;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod fmt;
pub(crate) mod generate;
pub(crate) mod idl;
pub(crate) mod init;
pub(crate) mod list;
pub(crate) mod sync;

use std::process::ExitCode;

/// How a command ended, the worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Status {
    Fine,
    /// There is something to mend in what the user gave.
    Findings,
    /// Something could not be read or written.
    Unusable,
}

impl Status {
    /// The worse of two.
    pub(crate) fn worse(self, other: Status) -> Status {
        self.max(other)
    }
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        match status {
            Status::Fine => ExitCode::SUCCESS,
            Status::Findings => ExitCode::from(1),
            Status::Unusable => ExitCode::from(2),
        }
    }
}
