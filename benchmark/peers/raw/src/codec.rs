//! A plain copy of the encoded bytes: what no encoder can beat.

use std::hint::black_box;

use bytes::Bytes;
use peer_harness::codec::{Codec, Turn};

/// A copy of each sample into a reused buffer.
pub fn codec(samples: &[Bytes]) -> Box<dyn Codec> {
    let samples = samples.to_vec();
    Box::new(Copy { turn: Turn::new(samples.len()), samples, out: Vec::new() })
}

struct Copy {
    samples: Vec<Bytes>,
    turn: Turn,
    out: Vec<u8>,
}

impl Codec for Copy {
    fn name(&self) -> &'static str {
        "memcpy"
    }

    fn decodes(&self) -> bool {
        false
    }

    fn frames(&self) -> Vec<Bytes> {
        self.samples.clone()
    }

    fn encode(&mut self, times: usize) {
        for _ in 0..times {
            self.out.clear();
            self.out.extend_from_slice(black_box(&self.samples[self.turn.take()]));
            black_box(&self.out);
        }
    }

    fn decode(&mut self, _: usize) {}

    fn verify(&mut self, _: &[Bytes]) -> Result<(), String> {
        Ok(())
    }
}
