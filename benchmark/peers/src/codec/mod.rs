//! The codec suite: our generated code beside pilota's, Apache's, prost's and a plain copy.

mod timing;

use std::panic::{self, AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use peer_harness::codec::{Codec, Message, Protocol, same};
use timing::Op;

use crate::{
    callgrind,
    report::{Better, Figure, Report},
};

/// The word by which the driver asks itself for the pass under callgrind.
const COUNTED: &str = "codec-counted";

const SUITE: &str = "codec";
const CASES: [(&str, Message); 6] = [
    ("Echo", Message::Echo),
    ("ProductOffering", Message::Offering),
    ("ProductOrder", Message::Order),
    ("Page20", Message::Page),
    ("NumberLists", Message::Series),
    ("Blob", Message::Blob),
];
/// Messages for one count of allocations or instructions; a multiple of every number of samples.
const COUNTED_TIMES: usize = 16;

/// Measures every case, or those named in `only`.
pub(crate) fn run(report: &mut Report, quick: bool, only: &[&str]) -> Result<(), String> {
    let rounds = if quick { 40 } else { 200 };
    for (case, message, protocol) in cases(only)? {
        let mut codecs = codecs(&case, message, protocol)?;
        let best = timing::minima(&mut codecs, rounds);
        for (op, metric) in [(Op::Encode, "encode"), (Op::Decode, "decode")] {
            add(report, &case, metric, "ns", &codecs, op, |at| best[at][op as usize])?;
        }
        for (op, metric) in [(Op::Encode, "allocs_enc"), (Op::Decode, "allocs_dec")] {
            let counts: Vec<f64> = codecs
                .iter_mut()
                .map(|codec| heap_meter::allocations(|| op.run(&mut **codec, COUNTED_TIMES)).0)
                .map(|count| count as f64 / COUNTED_TIMES as f64)
                .collect();
            add(report, &case, metric, "allocations", &codecs, op, |at| counts[at])?;
        }
    }
    let mut args = vec![COUNTED];
    args.extend_from_slice(only);
    match callgrind::run(&args) {
        Ok(counts) => instructions(report, only, |name| counts.get(name).copied()),
        Err(error) => {
            eprintln!("SKIPPED: instr_enc and instr_dec: {error}");
            Ok(())
        }
    }
}

/// The role that the driver gives to this program under callgrind.
pub(crate) fn role(words: &[&str]) -> Option<Result<(), String>> {
    match words.split_first()? {
        (&COUNTED, only) => Some(run_counted(only)),
        _ => None,
    }
}

/// Each codec a few times, each count under its own name.
fn run_counted(only: &[&str]) -> Result<(), String> {
    for (case, message, protocol) in cases(only)? {
        for codec in &mut codecs(&case, message, protocol)? {
            for (op, metric) in INSTRUCTIONS {
                if !op.applies(&**codec) {
                    continue;
                }
                op.run(&mut **codec, COUNTED_TIMES);
                let name = format!("{case}/{metric}/{}", codec.name());
                callgrind::measure(&name, || op.run(&mut **codec, COUNTED_TIMES));
            }
        }
    }
    Ok(())
}

const INSTRUCTIONS: [(Op, &str); 2] = [(Op::Encode, "instr_enc"), (Op::Decode, "instr_dec")];

fn instructions(
    report: &mut Report,
    only: &[&str],
    count: impl Fn(&str) -> Option<f64>,
) -> Result<(), String> {
    for (case, message, protocol) in cases(only)? {
        let codecs = codecs(&case, message, protocol)?;
        for (op, metric) in INSTRUCTIONS {
            let value = |at: usize| {
                let name = format!("{case}/{metric}/{}", codecs[at].name());
                count(&name).map_or(f64::NAN, |count| count / COUNTED_TIMES as f64)
            };
            add(report, &case, metric, "instructions", &codecs, op, value)?;
        }
    }
    Ok(())
}

/// One figure per peer that has this operation; ours is the first codec.
fn add(
    report: &mut Report,
    case: &str,
    metric: &'static str,
    unit: &'static str,
    codecs: &[Box<dyn Codec>],
    op: Op,
    value: impl Fn(usize) -> f64,
) -> Result<(), String> {
    for (at, codec) in codecs.iter().enumerate().skip(1).filter(|(_, codec)| op.applies(&***codec)) {
        let unit = (unit, Better::Lower);
        report.add(Figure::new((SUITE, case, metric), value(0), (codec.name(), value(at)), unit))?;
    }
    Ok(())
}

fn cases(only: &[&str]) -> Result<Vec<(String, Message, Protocol)>, String> {
    if let Some(unknown) = only.iter().find(|name| !CASES.iter().any(|(case, _)| case == *name)) {
        let known = CASES.map(|(case, _)| case).join(", ");
        return Err(format!("there is no case {unknown}; there are {known}"));
    }
    let wanted = CASES.iter().filter(|(case, _)| only.is_empty() || only.contains(case));
    let binary = wanted.clone().map(|(case, message)| (case.to_string(), *message, Protocol::Binary));
    let compact = wanted.map(|(case, message)| (format!("Compact {case}"), *message, Protocol::Compact));
    Ok(binary.chain(compact).collect())
}

/// Ours first, then every peer, all checked against the same samples.
fn codecs(case: &str, message: Message, protocol: Protocol) -> Result<Vec<Box<dyn Codec>>, String> {
    let samples = peer_ours::samples::samples(message);
    let mut codecs = vec![peer_ours::codec::codec(message, protocol, &samples)];
    codecs.extend(peer_volo::codec::codecs(message, protocol, &samples));
    codecs.extend(peer_apache::codec(message, protocol, &samples));
    match protocol {
        Protocol::Binary => {
            codecs.push(peer_tonic::codec::codec(message, &samples));
            codecs.push(peer_raw::codec::codec(&samples));
        }
        Protocol::Compact => {
            let frames = codecs[0].frames();
            codecs.push(peer_raw::codec::codec(&frames));
        }
    }
    agree(case, &codecs, &samples, protocol)?;
    codecs.into_iter().map(|codec| verified(case, codec, &samples, protocol)).collect()
}

/// All who speak the protocol write the same bytes.
fn agree(case: &str, codecs: &[Box<dyn Codec>], samples: &[Bytes], protocol: Protocol) -> Result<(), String> {
    let ours = codecs[0].frames();
    let (expected, peers) = match protocol {
        Protocol::Binary => (samples, &["ours", "pilota", "pilota-unsafe", "apache"][..]),
        // pilota writes doubles of Compact in the wrong order.
        Protocol::Compact => (&ours[..], &["apache"][..]),
    };
    for codec in codecs.iter().filter(|codec| peers.contains(&codec.name())) {
        for (number, (expected, found)) in expected.iter().zip(codec.frames()).enumerate() {
            same(&format!("{case}: {}", codec.name()), number, expected, &found)?;
        }
    }
    Ok(())
}

/// The codec, after all samples came out of it as they went in; without decoding where that is known to fail.
fn verified(
    case: &str,
    mut codec: Box<dyn Codec>,
    samples: &[Bytes],
    protocol: Protocol,
) -> Result<Box<dyn Codec>, String> {
    let name = codec.name();
    if name == "ours" {
        codec.verify(samples)?;
        return Ok(codec);
    }
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let verdict = catch_unwind(AssertUnwindSafe(|| codec.verify(samples)));
    panic::set_hook(hook);
    let fault = match verdict {
        Ok(Ok(())) => return Ok(codec),
        Ok(Err(error)) => error,
        Err(_) => "it panics on what it wrote itself".to_owned(),
    };
    // pilota's Compact is known to fail; anything else would be a fault of this benchmark.
    if (name, protocol) != ("pilota", Protocol::Compact) {
        return Err(format!("{case}: {fault}"));
    }
    eprintln!("SKIPPED: decode of {case} by {name}: {fault}");
    Ok(Box::new(EncodeOnly(codec)))
}

/// A codec whose decoder can't be measured.
struct EncodeOnly(Box<dyn Codec>);

impl Codec for EncodeOnly {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn decodes(&self) -> bool {
        false
    }

    fn frames(&self) -> Vec<Bytes> {
        self.0.frames()
    }

    fn encode(&mut self, times: usize) {
        self.0.encode(times);
    }

    fn decode(&mut self, _: usize) {}

    fn verify(&mut self, samples: &[Bytes]) -> Result<(), String> {
        self.0.verify(samples)
    }
}
