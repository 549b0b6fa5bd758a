//! What must hold for any bytes: one body per target, run by libFuzzer (`volo-thrift/fuzz`) and, with mutated valid
//! inputs from fixed seeds, by the tests of this module.
//!
//! A body panics when something does not hold. "Does not panic" is the least of it: sizes equal the bytes written,
//! what was read and written is read again as the same, the scanner and the decoder agree about lengths, pieces
//! change nothing, no reply reaches a wrong call, and memory stays in proportion.

mod conn;
mod memory;
mod mutate;
pub(crate) mod protocol;
pub(crate) mod random;
#[cfg(test)]
mod tests;
pub(crate) mod types;
mod wire;

pub use mutate::mutate;

/// A body, with valid inputs to start from.
pub struct Target {
    /// Its name, which is that of the file in `fuzz_targets`.
    pub name: &'static str,
    /// Panics if anything does not hold for these bytes.
    pub body: fn(&[u8]),
    /// Inputs that get far.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All targets of this crate.
pub const TARGETS: [Target; 7] = [
    Target { name: "binary", body: protocol::binary, seeds: protocol::binary_seeds },
    Target { name: "compact", body: protocol::compact, seeds: protocol::compact_seeds },
    Target { name: "skip", body: protocol::skip, seeds: protocol::skip_seeds },
    Target { name: "round_trip", body: protocol::round_trip, seeds: scripts },
    Target { name: "framed", body: wire::framed, seeds: wire::framed_seeds },
    Target { name: "ttheader", body: wire::ttheader, seeds: wire::ttheader_seeds },
    Target { name: "conn", body: conn::history, seeds: scripts },
];

/// The target of this name.
pub fn target(name: &str) -> &'static Target {
    TARGETS.iter().find(|target| target.name == name).expect("a name of `TARGETS`")
}

/// Bytes for bodies that read them as a script.
fn scripts() -> Vec<Vec<u8>> {
    (0..50).map(|seed| random::Random::new(seed).bytes(20 + 4 * seed as usize)).collect()
}
