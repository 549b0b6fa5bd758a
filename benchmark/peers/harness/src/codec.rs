//! One message type in one system's codec.

use bytes::Bytes;

/// A message type of the shared IDL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// `echo.EchoRequest`
    Echo,
    /// `tmf.catalog.ProductOffering`
    Offering,
    /// `tmf.ordering.ProductOrder`
    Order,
    /// `tmf.catalog.ProductOfferingPage`
    Page,
    /// `telemetry.Series`
    Series,
    /// `telemetry.Blob`
    Blob,
}

/// A Thrift protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Fixed widths.
    Binary,
    /// Variable widths.
    Compact,
}

/// A system's codec, loaded with a few samples of one message type, which it takes in turn.
pub trait Codec {
    /// The system's name in reports.
    fn name(&self) -> &'static str;

    /// Whether encoding is measured.
    fn encodes(&self) -> bool {
        true
    }

    /// Whether decoding is measured.
    fn decodes(&self) -> bool {
        true
    }

    /// The samples as this codec encodes them.
    fn frames(&self) -> Vec<Bytes>;

    /// Encodes `times` messages, each into the same reused buffer: exact size, room, bytes.
    fn encode(&mut self, times: usize);

    /// Decodes and drops `times` messages from frames that stay as they are.
    fn decode(&mut self, times: usize);

    /// Says what is wrong, if anything: every sample must come out of [`Codec::frames`] as it went in.
    ///
    /// # Errors
    /// What is wrong with which sample.
    fn verify(&mut self, samples: &[Bytes]) -> Result<(), String>;
}

/// Counts `0, 1, … len - 1, 0, …`.
#[derive(Debug)]
pub struct Turn {
    next: usize,
    len: usize,
}

impl Turn {
    /// A counter that wraps at `len`.
    pub fn new(len: usize) -> Self {
        Turn { next: 0, len }
    }

    /// The next number.
    #[inline]
    pub fn take(&mut self) -> usize {
        let turn = self.next;
        self.next = if turn + 1 == self.len { 0 } else { turn + 1 };
        turn
    }
}

/// Compares bytes, for [`Codec::verify`].
///
/// # Errors
/// The sample's number and the first difference.
pub fn same(what: &str, sample: usize, expected: &[u8], found: &[u8]) -> Result<(), String> {
    if expected == found {
        return Ok(());
    }
    let at = expected.iter().zip(found).position(|(a, b)| a != b).unwrap_or(expected.len().min(found.len()));
    Err(format!(
        "{what}: sample {sample} differs at byte {at} ({} bytes expected, {} found)",
        expected.len(),
        found.len()
    ))
}
