//! `shop serve` as a process of its own.

use std::{
    io::{BufRead, BufReader, Lines},
    path::Path,
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
};

use volo_core::Address;

/// The running program; killed when dropped.
pub(crate) struct Served {
    child: Child,
    output: Lines<BufReader<ChildStdout>>,
    pub(crate) catalog: Address,
    pub(crate) ordering: Address,
}

impl Served {
    /// Starts it on free ports and waits until it listens.
    pub(crate) fn start(data: &Path, offerings: usize) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_shop"))
            .args(["serve", "--catalog", "127.0.0.1:0", "--ordering", "127.0.0.1:0"])
            .args(["--offerings", &offerings.to_string(), "--data"])
            .arg(data)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut address_of = |name: &str| {
            let prefix = format!("{name} listens at ");
            let line = output.find_map(|line| line.unwrap().strip_prefix(&prefix).map(str::to_owned));
            line.expect("the program says where it listens").parse().unwrap()
        };
        let (catalog, ordering) = (address_of("catalog"), address_of("ordering"));
        Served { child, output, catalog, ordering }
    }

    /// The process's id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it without a chance to finish anything: SIGKILL on Unix.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for its end; gives what else it printed.
    pub(crate) fn wait(&mut self) -> (ExitStatus, Vec<String>) {
        let rest = self.output.by_ref().map(Result::unwrap).collect();
        (self.child.wait().unwrap(), rest)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
