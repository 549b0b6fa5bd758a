//! Every limit a peer can run into, in one place, on by default.
//!
//! No limit can be switched off, only set: memory follows from configuration, never from what a peer claims.

use std::time::Duration;

use volo_core::DecodeLimits;

/// What one connection, one message and one process may take.
///
/// The same type serves servers and clients; a field that a side has no use for is ignored there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one message, in every framing and both directions.
    pub message_max: usize,
    /// Bytes of one TTHeader.
    pub header_max: usize,
    /// Structs and containers inside each other, when reading and when skipping.
    pub depth_max: u32,
    /// Bytes of memory one message may take when decoded; `None` is four times [`Limits::message_max`].
    pub decode_memory_max: Option<usize>,
    /// From the first byte of a frame to its length, or to the first bytes of a message that has none in front.
    pub header_timeout: Duration,
    /// From the first byte of a frame to its last.
    pub frame_timeout: Duration,
    /// How long a peer may take no byte of what is to be written.
    pub write_timeout: Duration,
    /// How long a server keeps a connection on which nothing happens.
    pub idle_timeout: Duration,
    /// Bytes waiting to be written; above, reading and decoding stop.
    pub write_buffer_max: usize,
    /// Calls under way on one connection.
    pub in_flight_max: usize,
    /// Bytes of requests that were decoded but not answered yet, on one connection.
    pub in_flight_bytes_max: usize,
    /// Bytes being received, on all connections together; `None` is a quarter of the memory the process may use.
    pub receive_memory_max: Option<usize>,
    /// Connections of a server; `None` is the descriptor limit less 64.
    pub connections_max: Option<usize>,
    /// How long a shutdown waits for calls under way.
    pub drain_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            message_max: 16 << 20,
            header_max: 64 << 10,
            depth_max: 64,
            decode_memory_max: None,
            header_timeout: Duration::from_secs(10),
            frame_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(600),
            write_buffer_max: 1 << 20,
            in_flight_max: 1024,
            in_flight_bytes_max: 64 << 20,
            receive_memory_max: None,
            connections_max: None,
            drain_timeout: Duration::from_secs(30),
        }
    }
}

impl Limits {
    /// What decoding one message may cost.
    pub fn decode(&self) -> DecodeLimits {
        let memory_max = self.decode_memory_max.unwrap_or(self.message_max.saturating_mul(4));
        DecodeLimits { depth_max: self.depth_max, memory_max }
    }
}
