//! Whole calls: what is asked of every system, how it is driven, and what comes out.

#[allow(unsafe_code, reason = "process clocks and processor sets have no safe interface")]
mod clocks;
mod drive;
mod outcome;

use std::{fmt, net::SocketAddr, path::PathBuf, str::FromStr, time::Duration};

pub use clocks::{Clocks, pin};
pub use drive::drive;
pub use outcome::Outcome;

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// A loopback address.
    Tcp(SocketAddr),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Tcp(address) => write!(f, "{address}"),
            Endpoint::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with('/') {
            return Ok(Endpoint::Unix(text.into()));
        }
        text.parse().map(Endpoint::Tcp).map_err(|error| format!("{text} is no endpoint: {error}"))
    }
}

/// How calls share connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// One call at a time on a connection.
    PingPong,
    /// All calls on one connection.
    Mux,
    /// What the client finds best.
    Auto,
}

impl Mode {
    /// Its name in cases.
    pub fn name(self) -> &'static str {
        match self {
            Mode::PingPong => "pingpong",
            Mode::Mux => "mux",
            Mode::Auto => "auto",
        }
    }
}

impl FromStr for Mode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = [Mode::PingPong, Mode::Mux, Mode::Auto];
        known.into_iter().find(|mode| mode.name() == text).ok_or_else(|| format!("{text} is no mode"))
    }
}

/// What a call does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Text of this many bytes there and back.
    Echo(usize),
    /// As an echo of 64 bytes; the handler sleeps 5 ms in every hundredth call, which is not counted.
    Sleepy,
    /// A product order with ten items becomes an order.
    CreateOrder,
    /// A page of this many product offerings.
    List(usize),
}

/// Calls of [`Work::Sleepy`] whose number is a multiple of this make the handler sleep.
pub const SLEEPY_EVERY: u64 = 100;
/// How long it sleeps.
pub const SLEEP: Duration = Duration::from_millis(5);
/// Bytes of text in [`Work::Sleepy`].
pub const SLEEPY_LEN: usize = 64;
/// Items of the order that [`Work::CreateOrder`] places.
pub const ORDER_ITEMS: usize = 10;
/// The id that such an order gets.
pub const ORDER_ID: &str = "order-000001";
/// Offerings that a server has.
pub const LIST_MAX: usize = 1000;
/// For calls and for connecting, so that no round fails because the machine is busy.
pub const TIMEOUT: Duration = Duration::from_secs(10);
/// An echo with this as its sequence number makes the handler sleep.
pub const SLEEPY_SEQUENCE: i64 = -1;

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Work::Echo(len) if *len >= 1 << 20 => write!(f, "{}MiB", len >> 20),
            Work::Echo(len) if *len >= 1 << 10 => write!(f, "{}KiB", len >> 10),
            Work::Echo(len) => write!(f, "{len}B"),
            Work::Sleepy => f.write_str("sleepy"),
            Work::CreateOrder => f.write_str("createOrder"),
            Work::List(count) => write!(f, "list{count}"),
        }
    }
}

impl FromStr for Work {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number =
            |digits: &str| digits.parse::<usize>().map_err(|error| format!("{text} is no work: {error}"));
        match text {
            "sleepy" => return Ok(Work::Sleepy),
            "createOrder" => return Ok(Work::CreateOrder),
            _ => {}
        }
        if let Some(count) = text.strip_prefix("list") {
            return number(count).map(Work::List);
        }
        let units = [("MiB", 20), ("KiB", 10), ("B", 0)];
        let echo = units.iter().find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, shift)));
        let (digits, shift) = echo.ok_or_else(|| format!("{text} is no work"))?;
        number(digits).map(|len| Work::Echo(len << shift))
    }
}

/// What a client does for how long.
#[derive(Clone, Debug)]
pub struct Load {
    /// What each call does.
    pub work: Work,
    /// Calls under way at once.
    pub concurrency: usize,
    /// Calls a second, sent whether replies come or not; `None` sends a call when one is answered.
    pub rate: Option<f64>,
    /// Not measured.
    pub warm_up: Duration,
    /// Measured.
    pub duration: Duration,
    /// The server's process.
    pub server: u32,
}

/// Whether call `number` is not counted.
pub fn is_sleepy(work: Work, number: u64) -> bool {
    work == Work::Sleepy && number.is_multiple_of(SLEEPY_EVERY)
}

/// The sequence number that call `number` sends, and gets back.
pub fn sequence(work: Work, number: u64) -> i64 {
    if is_sleepy(work, number) { SLEEPY_SEQUENCE } else { (number & 0x7fff_ffff_ffff) as i64 }
}

/// Text of `len` bytes.
pub fn text(len: usize) -> String {
    (0..len).map(|at| char::from(b'a' + (at % 26) as u8)).collect()
}

/// Compares what an echo sent and got.
///
/// # Errors
/// When they differ.
pub fn check_echo(sent: (usize, i64), found: (usize, Option<i64>)) -> Result<(), String> {
    if (sent.0, Some(sent.1)) == found {
        return Ok(());
    }
    Err(format!("wrong reply: sent {sent:?}, got {found:?}"))
}

/// An order out of what was asked for, in any system's types.
#[macro_export]
macro_rules! order_of {
    ($order:ident, $create:expr, $id:expr, $state:expr) => {{
        let create = $create;
        $order {
            id: $id,
            state: $state,
            category: create.category,
            description: create.description,
            external_id: create.external_id,
            priority: create.priority,
            requested_completion_date: create.requested_completion_date,
            requested_start_date: create.requested_start_date,
            note: create.note,
            channel: create.channel,
            product_order_item: create.product_order_item,
            related_party: create.related_party,
            ..Default::default()
        }
    }};
}
