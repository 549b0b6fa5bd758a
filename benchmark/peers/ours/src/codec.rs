//! Our generated code, by the path a call takes: behind the erased body, into a reused connection buffer.

use std::{hint::black_box, marker::PhantomData, sync::Arc};

use bytes::Bytes;
use examples::{
    echo::EchoRequest,
    telemetry::{Blob, Series},
    tmf::{
        catalog::{ProductOffering, ProductOfferingPage},
        ordering::ProductOrder,
    },
};
use peer_harness::codec::{Codec, Message, Protocol, Turn, same};
use volo_core::{Encode, Format, Raw, span::OutBuf};
use volo_thrift::{
    Limits,
    protocol::{BINARY, COMPACT, Typed, Value, decode},
};

/// What TCP and Unix sockets link by default.
const LINK_MIN: usize = 4096;

/// Our codec of a message, loaded with samples in Binary.
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

/// A value's bytes.
pub fn to_bytes<T: Value>(value: T, protocol: Protocol) -> Vec<u8> {
    let mut out = OutBuf::default();
    write(&mut out, &Typed(value), format(protocol));
    out.to_vec()
}

/// The value behind Binary bytes.
pub fn from_bytes<T: Value>(bytes: &Bytes) -> T {
    read(&raw(BINARY, bytes.clone()))
}

fn load<T: Value>(protocol: Protocol, samples: &[Bytes]) -> Box<dyn Codec> {
    let format = format(protocol);
    let values: Vec<T> = samples.iter().map(from_bytes).collect();
    let frames = values.iter().map(|value| raw(format, to_bytes(value.clone(), protocol).into())).collect();
    let values = values.into_iter().map(|value| Arc::new(Typed(value)) as Arc<dyn Encode>).collect();
    let turn = Turn::new(samples.len());
    Box::new(Ours::<T> { format, values, frames, out: OutBuf::default(), turn, message: PhantomData::<T> })
}

struct Ours<T> {
    format: Format,
    values: Vec<Arc<dyn Encode>>,
    frames: Vec<Raw>,
    out: OutBuf,
    turn: Turn,
    message: PhantomData<T>,
}

impl<T: Value> Codec for Ours<T> {
    fn name(&self) -> &'static str {
        "ours"
    }

    fn frames(&self) -> Vec<Bytes> {
        self.frames.iter().map(|frame| frame.bytes.clone()).collect()
    }

    fn encode(&mut self, times: usize) {
        for _ in 0..times {
            self.out.clear();
            write(&mut self.out, black_box(&*self.values[self.turn.take()]), self.format);
            black_box(&self.out);
        }
    }

    fn decode(&mut self, times: usize) {
        for _ in 0..times {
            let frame = &self.frames[self.turn.take()];
            // A call owns its frame; the clone stands for the one counter that costs.
            let owner = frame.bytes.clone();
            black_box(read::<T>(black_box(frame)));
            drop(owner);
        }
    }

    fn verify(&mut self, samples: &[Bytes]) -> Result<(), String> {
        for (number, (frame, sample)) in self.frames.iter().zip(samples).enumerate() {
            same("ours", number, sample, &to_bytes(read::<T>(frame), Protocol::Binary))?;
        }
        Ok(())
    }
}

#[inline(always)]
fn read<T: Value>(raw: &Raw) -> T {
    decode::<T>(raw).expect("a sample decodes")
}

fn write(out: &mut OutBuf, value: &dyn Encode, format: Format) {
    let size = value.encoded_size(format, LINK_MIN, 64).expect("a sample is within all limits");
    let fill = &mut |span: &mut volo_core::Span<'_>| {
        value.encode_into(format, span);
        Ok(())
    };
    out.write(size, LINK_MIN, fill).expect("the size is exact");
}

fn raw(format: Format, bytes: Bytes) -> Raw {
    Raw { format, bytes, limits: Limits::default().decode() }
}

fn format(protocol: Protocol) -> Format {
    match protocol {
        Protocol::Binary => BINARY,
        Protocol::Compact => COMPACT,
    }
}
