//! prost messages with the fields of the Thrift IDL.

use std::hint::black_box;

use bytes::Bytes;
use peer_harness::codec::{Codec, Message as Kind, Turn};
use prost::Message;

use crate::{
    messages::{Blob, EchoRequest, ProductOffering, ProductOfferingPage, ProductOrder, Series},
    transcode::to_protobuf,
};

/// prost's codec of a message, loaded with samples in Thrift Binary.
pub fn codec(message: Kind, samples: &[Bytes]) -> Box<dyn Codec> {
    match message {
        Kind::Echo => load::<EchoRequest>(samples),
        Kind::Offering => load::<ProductOffering>(samples),
        Kind::Order => load::<ProductOrder>(samples),
        Kind::Page => load::<ProductOfferingPage>(samples),
        Kind::Series => load::<Series>(samples),
        Kind::Blob => load::<Blob>(samples),
    }
}

fn load<T: Message + Default + PartialEq + 'static>(samples: &[Bytes]) -> Box<dyn Codec> {
    let values: Vec<T> = samples.iter().map(|sample| read(&to_protobuf(sample).into())).collect();
    let frames = values.iter().map(|value| value.encode_to_vec().into()).collect();
    Box::new(Prost::<T> { values, frames, out: Vec::new(), turn: Turn::new(samples.len()) })
}

struct Prost<T> {
    values: Vec<T>,
    frames: Vec<Bytes>,
    out: Vec<u8>,
    turn: Turn,
}

impl<T: Message + Default + PartialEq> Codec for Prost<T> {
    fn name(&self) -> &'static str {
        "prost"
    }

    fn frames(&self) -> Vec<Bytes> {
        self.frames.clone()
    }

    fn encode(&mut self, times: usize) {
        for _ in 0..times {
            self.out.clear();
            let value = black_box(&self.values[self.turn.take()]);
            self.out.reserve(value.encoded_len());
            value.encode_raw(&mut self.out);
            black_box(&self.out);
        }
    }

    fn decode(&mut self, times: usize) {
        for _ in 0..times {
            black_box(read::<T>(black_box(&self.frames[self.turn.take()])));
        }
    }

    fn verify(&mut self, samples: &[Bytes]) -> Result<(), String> {
        for (number, (frame, sample)) in self.frames.iter().zip(samples).enumerate() {
            let expected = to_protobuf(sample);
            let equal = read::<T>(frame) == self.values[number];
            // prost writes no scalar of a field without presence that has its default.
            if !equal || frame.len() + 16 < expected.len() {
                let lens = (frame.len(), expected.len());
                return Err(format!("prost: sample {number} has {} of {} bytes", lens.0, lens.1));
            }
        }
        Ok(())
    }
}

#[inline(always)]
fn read<T: Message + Default>(frame: &Bytes) -> T {
    T::decode(frame.clone()).expect("a sample decodes")
}
