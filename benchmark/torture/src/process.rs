//! Another process of this program, and the pipe over which it is asked for its figures.
//!
//! One question is one line on its standard input, one answer one line on its standard output. The pipe is served
//! by a thread of its own there, so it also answers when all descriptors are gone or the runtime is busy.

use std::{
    io::{BufRead, BufReader, Write},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    time::{Duration, Instant},
};

use volo_core::BoxError;

use crate::{meter::Meter, role};

/// How long an answer may take before the process counts as hung.
const PATIENCE: Duration = Duration::from_secs(60);

/// A process that ends with this value.
pub struct Process {
    child: Child,
    input: ChildStdin,
    answers: Receiver<String>,
}

/// What a process holds while nobody wants anything of it.
#[derive(Clone, Copy, Debug)]
pub struct Rest {
    /// Tasks of its runtime.
    pub tasks: u64,
    /// Open descriptors.
    pub descriptors: u64,
}

impl Rest {
    /// Whether it is no more than `before`.
    pub fn is_within(self, before: Rest) -> bool {
        self.tasks <= before.tasks && self.descriptors <= before.descriptors
    }
}

/// A server in another process.
pub struct Server {
    process: Process,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Process {
    /// Starts this program in `role`; at most `descriptors` may be open in it, if given.
    pub fn start(role: &str, words: &[String], descriptors: Option<u32>) -> Result<Self, BoxError> {
        let ready = descriptors.map(|limit| format!("ulimit -n {limit}"));
        Process::start_within(ready.as_deref(), role, words)
    }

    /// Starts this program in `role`, from a shell that has done `ready` before, if given.
    pub fn start_within(ready: Option<&str>, role: &str, words: &[String]) -> Result<Self, BoxError> {
        let program: PathBuf = std::env::current_exe()?;
        let mut command = match ready {
            None => Command::new(&program),
            Some(ready) => {
                let mut shell = Command::new("sh");
                shell.arg("-c").arg(format!("{ready} && exec \"$0\" \"$@\"")).arg(&program);
                shell
            }
        };
        command.arg(role).args(words).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let input = child.stdin.take().ok_or("a child without standard input")?;
        let output = child.stdout.take().ok_or("a child without standard output")?;
        let (sender, answers) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Process { child, input, answers })
    }

    /// The next line it writes.
    pub fn line(&mut self) -> Result<String, BoxError> {
        self.answers.recv_timeout(PATIENCE).map_err(|error| match error {
            RecvTimeoutError::Timeout => "the other process hangs".into(),
            RecvTimeoutError::Disconnected => match self.child.wait() {
                Ok(status) => format!("the other process died: {status}").into(),
                Err(error) => error.into(),
            },
        })
    }

    /// Asks for something and gives the answer.
    pub fn ask(&mut self, question: &str) -> Result<String, BoxError> {
        writeln!(self.input, "{question}")?;
        tokio::task::block_in_place(|| self.line())
    }

    /// What it uses now.
    pub fn meter(&mut self) -> Result<Meter, BoxError> {
        let answer = self.ask("meter")?;
        Meter::parse(&answer).ok_or_else(|| format!("no figures: {answer}").into())
    }

    /// Makes its peak start again; gives what it uses now.
    pub fn mark(&mut self) -> Result<Meter, BoxError> {
        self.ask("mark")?;
        self.meter()
    }

    /// Open descriptors.
    pub fn descriptors(&self) -> Result<u64, BoxError> {
        Ok(std::fs::read_dir(format!("/proc/{}/fd", self.child.id()))?.count() as u64)
    }

    /// What it holds now.
    pub fn rest(&mut self) -> Result<Rest, BoxError> {
        Ok(Rest { tasks: self.meter()?.tasks, descriptors: self.descriptors()? })
    }

    /// Processor time of its threads so far.
    pub fn processor_time(&self) -> Result<Duration, BoxError> {
        let mut nanoseconds = 0;
        for thread in std::fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let text = std::fs::read_to_string(thread?.path().join("schedstat"))?;
            nanoseconds += text.split(' ').next().ok_or("no processor time")?.parse::<u64>()?;
        }
        Ok(Duration::from_nanos(nanoseconds))
    }

    /// Resident bytes.
    pub fn resident(&self) -> Result<u64, BoxError> {
        let text = std::fs::read_to_string(format!("/proc/{}/statm", self.child.id()))?;
        let pages: u64 = text.split(' ').nth(1).ok_or("no resident size")?.parse()?;
        Ok(pages * 4096)
    }

    /// Its number.
    #[cfg(target_os = "linux")]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) -> Result<(), BoxError> {
        self.signal("TERM")
    }

    /// Sends a signal, called as by `kill`.
    pub fn signal(&self, name: &str) -> Result<(), BoxError> {
        let told = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status()?;
        if told.success() { Ok(()) } else { Err("kill failed".into()) }
    }

    /// Waits for its end; gives how long that took and whether it ended well.
    pub async fn ended(&mut self, patience: Duration) -> Result<(Duration, bool), BoxError> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok((start.elapsed(), status.success()));
            }
            if start.elapsed() > patience {
                return Err("the other process doesn't end".into());
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// Starts a server with these settings, each `name=number`; see [`role::serve`].
    pub fn start(settings: &[&str]) -> Result<Self, BoxError> {
        Server::limited(settings, None)
    }

    /// The same with so many descriptors at most.
    pub fn limited(settings: &[&str], descriptors: Option<u32>) -> Result<Self, BoxError> {
        let words: Vec<String> = settings.iter().map(ToString::to_string).collect();
        Server::listening(Process::start(role::SERVER, &words, descriptors)?)
    }

    /// Starts a server of bare sockets; see [`role::serve_plainly`].
    pub fn plain() -> Result<Self, BoxError> {
        Server::listening(Process::start(role::PLAIN, &[], None)?)
    }

    fn listening(mut process: Process) -> Result<Self, BoxError> {
        let address = process.line()?.parse()?;
        Ok(Server { process, address })
    }

    /// Waits until it holds no more than `before`, for a while at most; gives what it uses and holds then.
    pub async fn settle(&mut self, before: Rest) -> Result<(Meter, Rest), BoxError> {
        let start = Instant::now();
        loop {
            let (meter, descriptors) = (self.meter()?, self.descriptors()?);
            let rest = Rest { tasks: meter.tasks, descriptors };
            if rest.is_within(before) || start.elapsed() > Duration::from_secs(10) {
                return Ok((meter, rest));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl std::ops::Deref for Server {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}

impl std::ops::DerefMut for Server {
    fn deref_mut(&mut self) -> &mut Process {
        &mut self.process
    }
}
