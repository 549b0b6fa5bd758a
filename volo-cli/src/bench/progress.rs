//! A line on a terminal that tells how a benchmark is getting on.

use std::{
    io::{IsTerminal, Write},
    time::{Duration, Instant},
};

use super::figures::{Load, Plan, Point, grouped, time};

/// How often the line changes.
const EVERY: Duration = Duration::from_millis(200);

/// Width of the bar.
const BAR: usize = 24;

/// Shows where a benchmark is; says nothing unless standard error is a terminal.
pub(crate) struct Progress {
    terminal: bool,
    head: String,
    began: Instant,
    shown: Option<Instant>,
    length: f64,
}

impl Progress {
    pub(crate) fn new() -> Self {
        let terminal = std::io::stderr().is_terminal();
        Progress { terminal, head: String::new(), began: Instant::now(), shown: None, length: 1.0 }
    }

    pub(super) fn begin(&mut self, load: &Load, repeat: u32, plan: &Plan) {
        self.head = format!("[{repeat}/{}] {load}", plan.repeats);
        self.began = Instant::now();
        self.shown = None;
        self.length = plan.warm_up_s + plan.duration_s;
        self.line("warming up");
    }

    pub(super) fn show(&mut self, point: &Point) {
        if self.shown.is_some_and(|shown| shown.elapsed() < EVERY) {
            return;
        }
        self.shown = Some(Instant::now());
        let errors = if point.errors == 0 {
            String::new()
        } else {
            format!("  {} failed", grouped(point.errors as f64))
        };
        let calls = grouped(point.throughput());
        self.line(&format!("{calls}/s  p50 {}  p99 {}{errors}", time(point.p50_us), time(point.p99_us)));
    }

    fn line(&self, text: &str) {
        if !self.terminal {
            return;
        }
        let share = (self.began.elapsed().as_secs_f64() / self.length).clamp(0.0, 1.0);
        let full = (share * BAR as f64) as usize;
        let bar = "█".repeat(full) + &"░".repeat(BAR - full);
        // Whoever closed the terminal doesn't read it.
        drop(write!(std::io::stderr(), "\r\x1b[K{} {bar} {text}", self.head));
    }

    pub(super) fn end(&self) {
        if self.terminal {
            drop(write!(std::io::stderr(), "\r\x1b[K"));
        }
    }
}
