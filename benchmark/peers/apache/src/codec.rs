//! Apache's generated code over its own Binary and Compact protocols.

use std::{hint::black_box, io::Cursor};

use bytes::Bytes;
use peer_harness::codec::{Codec, Message, Protocol, Turn, same};
use thrift::protocol::{
    TBinaryInputProtocol, TBinaryOutputProtocol, TCompactInputProtocol, TCompactOutputProtocol, TSerializable,
};

use crate::generated::{
    echo::echo::EchoRequest,
    telemetry::telemetry::{Blob, Series},
    tmf::{
        catalog::tmf620::{ProductOffering, ProductOfferingPage},
        ordering::tmf622::ProductOrder,
    },
};

/// Apache's codec of a message, loaded with samples in Binary.
pub fn codec(message: Message, protocol: Protocol, samples: &[Bytes]) -> Box<dyn Codec> {
    match message {
        Message::Echo => load::<EchoRequest>(protocol, samples),
        Message::Offering => load::<ProductOffering>(protocol, samples),
        Message::Order => load::<ProductOrder>(protocol, samples),
        Message::Page => load::<ProductOfferingPage>(protocol, samples),
        Message::Series => load::<Series>(protocol, samples),
        Message::Blob => load::<Blob>(protocol, samples),
    }
}

fn load<T: TSerializable + 'static>(protocol: Protocol, samples: &[Bytes]) -> Box<dyn Codec> {
    let values: Vec<T> = samples.iter().map(|sample| read(Protocol::Binary, sample)).collect();
    let frames = values.iter().map(|value| bytes(protocol, value)).collect();
    Box::new(Apache { protocol, values, frames, out: Vec::new(), turn: Turn::new(samples.len()) })
}

struct Apache<T> {
    protocol: Protocol,
    values: Vec<T>,
    frames: Vec<Bytes>,
    out: Vec<u8>,
    turn: Turn,
}

impl<T: TSerializable> Codec for Apache<T> {
    fn name(&self) -> &'static str {
        "apache"
    }

    fn frames(&self) -> Vec<Bytes> {
        self.frames.clone()
    }

    fn encode(&mut self, times: usize) {
        for _ in 0..times {
            self.out.clear();
            write(self.protocol, black_box(&self.values[self.turn.take()]), &mut self.out);
            black_box(&self.out);
        }
    }

    fn decode(&mut self, times: usize) {
        for _ in 0..times {
            black_box(read::<T>(self.protocol, black_box(&self.frames[self.turn.take()])));
        }
    }

    fn verify(&mut self, samples: &[Bytes]) -> Result<(), String> {
        for (number, (frame, sample)) in self.frames.iter().zip(samples).enumerate() {
            same("apache", number, sample, &bytes(Protocol::Binary, &read::<T>(self.protocol, frame)))?;
        }
        Ok(())
    }
}

fn bytes<T: TSerializable>(protocol: Protocol, value: &T) -> Bytes {
    let mut out = Vec::new();
    write(protocol, value, &mut out);
    out.into()
}

#[inline(always)]
fn write<T: TSerializable>(protocol: Protocol, value: &T, out: &mut Vec<u8>) {
    let written = match protocol {
        Protocol::Binary => value.write_to_out_protocol(&mut TBinaryOutputProtocol::new(out, true)),
        Protocol::Compact => value.write_to_out_protocol(&mut TCompactOutputProtocol::new(out)),
    };
    written.expect("a sample encodes");
}

#[inline(always)]
fn read<T: TSerializable>(protocol: Protocol, frame: &[u8]) -> T {
    let input = Cursor::new(frame);
    let read = match protocol {
        Protocol::Binary => T::read_from_in_protocol(&mut TBinaryInputProtocol::new(input, true)),
        Protocol::Compact => T::read_from_in_protocol(&mut TCompactInputProtocol::new(input)),
    };
    read.expect("a sample decodes")
}
