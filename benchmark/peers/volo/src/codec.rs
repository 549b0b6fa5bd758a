//! pilota's generated code: the default path of Volo, and the unchecked one behind a feature of Volo.

use std::{hint::black_box, marker::PhantomData, slice};

use bytes::{BufMut, Bytes};
use linkedbytes::LinkedBytes;
use peer_harness::codec::{Codec, Message as Kind, Protocol, Turn, same};
use pilota::thrift::{
    Message, TLengthProtocol, TOutputProtocol, ThriftException,
    binary::TBinaryProtocol,
    binary_unsafe::{TBinaryUnsafeInputProtocol, TBinaryUnsafeOutputProtocol},
    compact::{TCompactInputProtocol, TCompactOutputProtocol},
};

use crate::generated::volo_gen::{
    echo::EchoRequest,
    telemetry::{Blob, Series},
    tmf::{
        catalog::{ProductOffering, ProductOfferingPage},
        ordering::ProductOrder,
    },
};

/// pilota's codecs of a message, loaded with samples in Binary.
pub fn codecs(message: Kind, protocol: Protocol, samples: &[Bytes]) -> Vec<Box<dyn Codec>> {
    match message {
        Kind::Echo => load::<EchoRequest>(protocol, samples),
        Kind::Offering => load::<ProductOffering>(protocol, samples),
        Kind::Order => load::<ProductOrder>(protocol, samples),
        Kind::Page => load::<ProductOfferingPage>(protocol, samples),
        Kind::Series => load::<Series>(protocol, samples),
        Kind::Blob => load::<Blob>(protocol, samples),
    }
}

/// The value behind Binary bytes.
pub(crate) fn from_bytes<T: Message>(bytes: &Bytes) -> T {
    read::<T, Checked>(bytes)
}

fn load<T: Message + 'static>(protocol: Protocol, samples: &[Bytes]) -> Vec<Box<dyn Codec>> {
    match protocol {
        Protocol::Binary => vec![
            Box::new(Pilota::<T, Checked>::load(samples)),
            Box::new(Pilota::<T, Unchecked>::load(samples)),
        ],
        Protocol::Compact => vec![Box::new(Pilota::<T, Compact>::load(samples))],
    }
}

/// How pilota's code reads and writes.
trait Path {
    const NAME: &'static str;

    /// The steps of Volo's encoder: the exact size, then room for all that is not linked, then bytes.
    fn encode<T: Message>(value: &T, out: &mut LinkedBytes) -> Result<(), ThriftException>;

    fn decode<T: Message>(frame: &mut Bytes) -> Result<T, ThriftException>;
}

struct Checked;
struct Unchecked;
struct Compact;

impl Path for Checked {
    const NAME: &'static str = "pilota";

    #[inline(always)]
    fn encode<T: Message>(value: &T, out: &mut LinkedBytes) -> Result<(), ThriftException> {
        reserve_binary(value, out);
        value.encode(&mut TBinaryProtocol::new(out, true))
    }

    #[inline(always)]
    fn decode<T: Message>(frame: &mut Bytes) -> Result<T, ThriftException> {
        T::decode(&mut TBinaryProtocol::new(frame, true))
    }
}

impl Path for Unchecked {
    const NAME: &'static str = "pilota-unsafe";

    #[inline(always)]
    fn encode<T: Message>(value: &T, out: &mut LinkedBytes) -> Result<(), ThriftException> {
        reserve_binary(value, out);
        let bytes = out.bytes_mut();
        let len = bytes.len();
        // SAFETY: the capacity behind `len` belongs to the buffer, which outlives the protocol; pilota only
        // stores into it.
        let room = unsafe { slice::from_raw_parts_mut(bytes.as_mut_ptr().add(len), bytes.capacity() - len) };
        // SAFETY: `room` is the tail of `out` and as long as the exact size asks for.
        let mut protocol = unsafe { TBinaryUnsafeOutputProtocol::new(out, room, true) };
        value.encode(&mut protocol)?;
        let written = protocol.index();
        // SAFETY: pilota wrote that many bytes since its last link.
        unsafe { protocol.buf_mut().bytes_mut().advance_mut(written) };
        Ok(())
    }

    #[inline(always)]
    fn decode<T: Message>(frame: &mut Bytes) -> Result<T, ThriftException> {
        // SAFETY: the frames of this benchmark are well-formed; that is all this path can be used for.
        T::decode(&mut unsafe { TBinaryUnsafeInputProtocol::new(frame) })
    }
}

impl Path for Compact {
    const NAME: &'static str = "pilota";

    #[inline(always)]
    fn encode<T: Message>(value: &T, out: &mut LinkedBytes) -> Result<(), ThriftException> {
        let mut sizer = TCompactOutputProtocol::new((), true);
        let size = value.size(&mut sizer);
        out.reserve(size - sizer.zero_copy_len());
        value.encode(&mut TCompactOutputProtocol::new(out, true))
    }

    #[inline(always)]
    fn decode<T: Message>(frame: &mut Bytes) -> Result<T, ThriftException> {
        T::decode(&mut TCompactInputProtocol::new(frame))
    }
}

#[inline(always)]
fn reserve_binary<T: Message>(value: &T, out: &mut LinkedBytes) {
    let mut sizer = TBinaryProtocol::new((), true);
    let size = value.size(&mut sizer);
    out.reserve(size - sizer.zero_copy_len());
}

struct Pilota<T, P> {
    values: Vec<T>,
    frames: Vec<Bytes>,
    out: LinkedBytes,
    turn: Turn,
    path: PhantomData<P>,
}

impl<T: Message, P: Path> Pilota<T, P> {
    fn load(samples: &[Bytes]) -> Self {
        let values: Vec<T> = samples.iter().map(from_bytes).collect();
        let frames = values.iter().map(|value| bytes::<T, P>(value)).collect();
        Pilota { values, frames, out: LinkedBytes::new(), turn: Turn::new(samples.len()), path: PhantomData }
    }
}

impl<T: Message, P: Path> Codec for Pilota<T, P> {
    fn name(&self) -> &'static str {
        P::NAME
    }

    fn frames(&self) -> Vec<Bytes> {
        self.frames.clone()
    }

    fn encode(&mut self, times: usize) {
        for _ in 0..times {
            self.out.reset();
            P::encode(black_box(&self.values[self.turn.take()]), &mut self.out).expect("a sample encodes");
            black_box(&self.out);
        }
    }

    fn decode(&mut self, times: usize) {
        for _ in 0..times {
            black_box(read::<T, P>(black_box(&self.frames[self.turn.take()])));
        }
    }

    fn verify(&mut self, samples: &[Bytes]) -> Result<(), String> {
        for (number, (frame, sample)) in self.frames.iter().zip(samples).enumerate() {
            same(P::NAME, number, sample, &bytes::<T, Checked>(&read::<T, P>(frame)))?;
        }
        Ok(())
    }
}

fn bytes<T: Message, P: Path>(value: &T) -> Bytes {
    let mut out = LinkedBytes::new();
    P::encode(value, &mut out).expect("a sample encodes");
    out.concat().freeze()
}

#[inline(always)]
fn read<T: Message, P: Path>(frame: &Bytes) -> T {
    P::decode(&mut frame.clone()).expect("a sample decodes")
}
