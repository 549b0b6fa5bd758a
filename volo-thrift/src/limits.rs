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
    /// How long both ends may take to agree on a session, where the transport has one, as TLS and shared memory do.
    pub handshake_timeout: Duration,
    /// From the first byte of a frame to the last of its header: a TTHeader's, the length of a Framed message, the head
    /// of a Buffered one.
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
    /// Bytes of requests and replies of calls under way, on one connection; above, reading stops.
    pub in_flight_bytes_max: usize,
    /// Bytes of requests and replies that wait for something, on all connections of all servers and clients in the
    /// process; `None` is a quarter of the memory the process may use.
    pub receive_memory_max: Option<usize>,
    /// Connections of a server; `None` is the descriptor limit less 64.
    pub connections_max: Option<usize>,
    /// Calls under way in a server; further ones are refused at once. `None` is no limit but those of the connections.
    pub concurrency_max: Option<usize>,
    /// How long a call may wait in a server before it is started; it is refused then. `None` is until its deadline.
    pub queue_timeout: Option<Duration>,
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
            handshake_timeout: Duration::from_secs(5),
            header_timeout: Duration::from_secs(10),
            frame_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(600),
            write_buffer_max: 1 << 20,
            in_flight_max: 1024,
            in_flight_bytes_max: 64 << 20,
            receive_memory_max: None,
            connections_max: None,
            concurrency_max: None,
            queue_timeout: None,
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
