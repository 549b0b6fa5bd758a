//! Which systems meet under which load.

use peer_harness::rpc::{Mode, Work};

use super::{process::Transport, system::System};

/// A system in one mode, as a peer or as ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) system: System,
    pub(super) mode: Mode,
}

impl Entry {
    const fn new(system: System, mode: Mode) -> Self {
        Entry { system, mode }
    }

    /// Its name as a peer.
    pub(super) fn peer(self) -> &'static str {
        match (self.system, self.mode) {
            (System::Ours, _) => "ours",
            (System::Volo, Mode::Mux) => "volo-mux",
            (System::Volo, _) => "volo-pingpong",
            (System::Tonic, _) => "tonic",
            (System::Tarpc, _) => "tarpc",
            (System::Raw, Mode::PingPong) => "raw-epoll",
            (System::Raw, _) => "raw-pipelined",
        }
    }
}

pub(super) const OURS: [Entry; 3] = [
    Entry::new(System::Ours, Mode::PingPong),
    Entry::new(System::Ours, Mode::Mux),
    Entry::new(System::Ours, Mode::Auto),
];
const VOLO_PINGPONG: Entry = Entry::new(System::Volo, Mode::PingPong);
const VOLO_MUX: Entry = Entry::new(System::Volo, Mode::Mux);
const TONIC: Entry = Entry::new(System::Tonic, Mode::Mux);
const TARPC: Entry = Entry::new(System::Tarpc, Mode::Mux);
const RAW_EPOLL: Entry = Entry::new(System::Raw, Mode::PingPong);
const RAW_PIPELINED: Entry = Entry::new(System::Raw, Mode::Mux);

/// Whom a mode of ours is compared with.
pub(super) fn peers(mode: Mode) -> &'static [Entry] {
    match mode {
        Mode::PingPong => &[VOLO_PINGPONG, RAW_EPOLL],
        Mode::Mux => &[VOLO_PINGPONG, VOLO_MUX, TONIC, TARPC, RAW_PIPELINED],
        Mode::Auto => &[VOLO_PINGPONG, VOLO_MUX, RAW_EPOLL],
    }
}

/// One load that all systems get.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cell {
    pub(super) transport: Transport,
    pub(super) concurrency: usize,
    pub(super) work: Work,
}

impl Cell {
    const fn new(transport: Transport, concurrency: usize, work: Work) -> Self {
        Cell { transport, concurrency, work }
    }

    /// Whether its messages are megabytes long.
    pub(super) fn is_large(&self) -> bool {
        matches!(self.work, Work::List(1000) | Work::Echo(0x100_0000..))
    }

    /// Whether a run without names measures this mode of ours here: where calls share connections is decided in the
    /// same way whatever they carry.
    pub(super) fn is_wanted(&self, mode: Mode) -> bool {
        mode != Mode::Auto || self.work == SMALL || self.work == Work::CreateOrder || self.is_large()
    }

    /// The name of a case: `mux uds c10 4KiB`.
    pub(super) fn case(&self, mode: Mode) -> String {
        let Cell { transport, concurrency, work } = self;
        format!("{} {} c{concurrency} {work}", mode.name(), transport.name())
    }
}

const WORKS: [Work; 6] = [
    Work::Echo(64),
    Work::Echo(1 << 10),
    Work::Echo(4 << 10),
    Work::Echo(16 << 10),
    Work::CreateOrder,
    Work::List(20),
];
const CONCURRENCIES: [usize; 5] = [1, 10, 50, 200, 1000];
const TYPICAL: usize = 50;
const SMALL: Work = Work::Echo(64);

/// Every load there is, by name.
pub(super) fn all() -> Vec<Cell> {
    let mut cells = Vec::new();
    for transport in [Transport::Tcp, Transport::Uds] {
        for concurrency in CONCURRENCIES {
            cells.extend(WORKS.map(|work| Cell::new(transport, concurrency, work)));
        }
        cells.push(Cell::new(transport, 1, Work::Echo(16 << 20)));
        cells.push(Cell::new(transport, 2, Work::List(1000)));
    }
    cells
}

/// The loads of a run: every work at the typical concurrency, the small echo at every concurrency.
pub(super) fn usual() -> Vec<Cell> {
    let usual = |cell: &Cell| {
        cell.is_large() && cell.transport == Transport::Tcp
            || cell.concurrency == TYPICAL
            || cell.work == SMALL && (cell.transport == Transport::Tcp || cell.concurrency == 10)
    };
    all().into_iter().filter(usual).collect()
}

/// The loads of a short run, which ends within three minutes.
pub(super) fn quick() -> Vec<Cell> {
    vec![
        Cell::new(Transport::Tcp, 50, SMALL),
        Cell::new(Transport::Uds, 50, SMALL),
        Cell::new(Transport::Tcp, 10, SMALL),
        Cell::new(Transport::Tcp, 50, Work::Echo(1 << 10)),
        Cell::new(Transport::Tcp, 50, Work::CreateOrder),
        Cell::new(Transport::Tcp, 50, Work::List(20)),
    ]
}

/// The load by which Volo's peak is found.
pub(super) const PEAK: Cell = Cell::new(Transport::Tcp, TYPICAL, SMALL);

/// Systems under a fixed rate: by ours, the name behind the case, and the peers.
pub(super) const OPEN: [(Entry, &str, &[Entry]); 2] =
    [(OURS[1], "", &[VOLO_PINGPONG, VOLO_MUX]), (OURS[0], " pingpong", &[VOLO_PINGPONG])];

/// Systems under a handler that sometimes sleeps.
pub(super) const SLEEPY: (Entry, &[Entry]) = (OURS[1], &[VOLO_PINGPONG, VOLO_MUX, TONIC, TARPC]);

/// Whose server holds idle connections.
pub(super) const IDLE: (Entry, Entry) = (OURS[0], VOLO_PINGPONG);
