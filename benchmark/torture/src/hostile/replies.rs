//! What a hostile server may send to a client: an error for that call only, and the next call is fine.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use volo_core::{
    BoxError,
    net::{Frame, Framer},
};
use volo_thrift::{
    Limits,
    wire::{self, DetectFramer},
};

use super::{
    MEBIBYTE,
    bytes::{HUGE, HUGE_VARINT, NO_HEADER, both, echo_result, framed, head, message},
};
use crate::{process::Process, report::Report, role};

/// What to answer to the next call of `tree`.
type Trap = Arc<Mutex<Reply>>;

#[derive(Clone, Default)]
enum Reply {
    /// A right head with this result struct, and what comes behind it.
    Body(Vec<u8>, Vec<u8>),
    /// These bytes as they are.
    Stream(Vec<u8>),
    /// Another head: kind, name, difference to the call's sequence id.
    Head(u8, &'static str, i32),
    /// The end of the connection.
    #[default]
    End,
}

/// Name, reply, expected end of the call; the next call must be fine whatever happens.
type Row = (String, Reply, &'static str);

const FAULT: &str = "protocol";
const CLOSED: &str = "closed";
const TIMEOUT: &str = "timeout";

/// Puts a client process through all rows in each of its modes.
pub async fn against_client(report: &mut Report) -> Result<(), BoxError> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let trap = Trap::default();
    tokio::spawn(serve(listener, trap.clone()));
    let mut client = Process::start(role::CLIENT, &[address.to_string()], None)?;
    client.line()?;
    for (mode, _) in role::MODES {
        let rows = rows(mode);
        for (name, reply, expected) in rows {
            let case = format!("client {mode}: {name}");
            *trap.lock().map_err(|_| "a poisoned lock")? = reply;
            let mark = client.mark()?;
            let outcome = client.ask(&format!("call {mode} tree"))?;
            let next = client.ask(&format!("call {mode} echo"))?;
            let ends = format!("{outcome}, then {next}");
            report.equal(&case, "outcome", ends, format!("{expected}, then ok"));
            let growth = client.meter()?.peak.saturating_sub(mark.live);
            // A reply may be 1 MiB here, decoded four times that.
            if growth > 6 * MEBIBYTE {
                report.at_most(&case, "heap bytes", growth, 6 * MEBIBYTE);
            }
        }
    }
    report.equal("all replies to a client", "panics", client.meter()?.panics, 0);
    Ok(())
}

fn rows(mode: &'static str) -> Vec<Row> {
    // On a shared connection, a few replies that nobody waits for are thrown away.
    let stray = if mode == "mux" { TIMEOUT } else { FAULT };
    let mut rows: Vec<Row> = vec![
        ("end instead of a reply".into(), Reply::End, CLOSED),
        ("reply with another name".into(), Reply::Head(2, "echo", 0), FAULT),
        ("reply with another sequence id".into(), Reply::Head(2, "tree", 1), stray),
        ("a call instead of a reply".into(), Reply::Head(1, "tree", 0), FAULT),
        ("message type 9".into(), Reply::Head(9, "tree", 0), FAULT),
    ];
    let bodies = if mode == "compact" { compact_bodies() } else { binary_bodies() };
    let waits = |expected| if mode == "buffered" { TIMEOUT } else { expected };
    for (name, body, cut) in bodies {
        let expected = if cut { waits(FAULT) } else { FAULT };
        rows.push((name.into(), Reply::Body(body, Vec::new()), expected));
    }
    for (name, bytes) in streams(mode) {
        rows.push((name.into(), Reply::Stream(bytes), FAULT));
    }
    rows
}

/// Name, result struct, and whether more of it might still come.
fn binary_bodies() -> Vec<(&'static str, Vec<u8>, bool)> {
    let node = |fields: &[u8]| [b"\x0c\0\0", fields, b"\0\0"].concat();
    vec![
        ("list<i64> of 2^31-1", node(&head(15, 1, &[10], HUGE)), false),
        ("list<struct> of 2^31-1", node(&head(15, 5, &[12], HUGE)), false),
        ("list of -1", node(&head(15, 1, &[10], -1)), false),
        ("list of -2^31", node(&head(15, 1, &[10], i32::MIN)), false),
        ("set of -1", node(&head(14, 2, &[11], -1)), false),
        ("map of -1", node(&head(13, 3, &[11, 11], -1)), false),
        ("string of -1", node(&head(11, 6, &[], -1)), false),
        ("binary of -1", node(&head(11, 7, &[], -1)), false),
        ("unknown map of -1", node(&head(13, 99, &[11, 11], -1)), false),
        ("set<string> of 10^8", node(&head(14, 2, &[11], 100_000_000)), false),
        ("map of 2^31-1", node(&head(13, 3, &[11, 11], HUGE)), false),
        ("string of 2^31-1", node(&head(11, 6, &[], HUGE)), false),
        ("string not UTF-8", node(&both(head(11, 6, &[], 2), b"\xff\xfe")), false),
        ("unknown list of void x 2^31-1", node(&head(15, 99, &[0], HUGE)), false),
        ("known structs 100,000 deep", both(b"\x0c\0\0", b"\x0c\0\x04".repeat(100_000)), false),
        ("unknown structs 100,000 deep", both(b"\x0c\0\0", b"\x0c\0\x63".repeat(100_000)), false),
        ("empty structs, a MiB of them", node(&both(head(15, 5, &[12], 900_000), vec![0; 900_000])), false),
        ("struct without end", b"\x0c\0\0\x02\0\x0c\x01".to_vec(), true),
        ("nothing where a result should be", Vec::new(), true),
    ]
}

fn compact_bodies() -> Vec<(&'static str, Vec<u8>, bool)> {
    let node = |fields: &[u8]| [b"\x0c\0", fields, b"\0\0"].concat();
    vec![
        ("list<i64> of 2^31-1", node(&both(b"\x19\xf6", HUGE_VARINT)), false),
        ("list<struct> of 2^31-1", node(&both(b"\x59\xfc", HUGE_VARINT)), false),
        ("map of 2^31-1", node(&[b"\x3b", HUGE_VARINT, b"\x88"].concat()), false),
        ("string of 2^31-1", node(&both(b"\x68", HUGE_VARINT)), false),
        ("varint of 20 bytes", node(&both(b"\x68", [0xff; 20])), false),
        ("known structs 100,000 deep", both(b"\x0c\0", b"\x4c".repeat(100_000)), false),
        ("struct without end", b"\x0c\0\x68\x01a".to_vec(), true),
    ]
}

/// Bytes after which nothing can be read any more.
fn streams(mode: &str) -> Vec<(&'static str, Vec<u8>)> {
    let mut streams: Vec<(_, Vec<u8>)> = vec![
        ("web server", b"HTTP/1.1 400 Bad Request\r\n\r\n".into()),
        ("zeros", vec![0; 64]),
        ("ones", vec![0xff; 64]),
    ];
    match mode {
        "framed" | "compact" => streams.extend([
            ("2 GiB announced", vec![0x7f, 0xff, 0xff, 0xff, 0x80, 1, 0, 2]),
            ("negative length", vec![0x80, 0, 0, 1, 0x80, 1, 0, 2]),
        ]),
        "buffered" => streams.extend([
            ("name of 2 GiB", vec![0x80, 1, 0, 2, 0x7f, 0xff, 0xff, 0xff]),
            ("negative name", vec![0x80, 1, 0, 2, 0xff, 0xff, 0xff, 0xff]),
        ]),
        _ => streams.extend([
            ("4 GiB announced", vec![0xff, 0xff, 0xff, 0xff, 0x10, 0, 0, 0]),
            ("2 GiB announced", vec![0x7f, 0xff, 0xff, 0xff, 0x10, 0, 0, 0]),
            ("255 transforms", framed(b"\x10\0\0\0\0\0\0\x01\0\x01\0\xff\0\0")),
            ("header length 0xffff", framed(b"\x10\0\0\0\0\0\0\x01\xff\xff\0\0\0\0")),
        ]),
    }
    streams
}

async fn serve(listener: TcpListener, trap: Trap) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(serve_one(stream, trap.clone()));
    }
}

/// Answers `echo` as it should be and everything else with what is in the trap.
async fn serve_one(mut stream: TcpStream, trap: Trap) -> Result<(), BoxError> {
    let mut received = bytes::BytesMut::new();
    let mut framer = DetectFramer::new(&Limits::default());
    loop {
        let len = match framer.frame(&received)? {
            Frame::Complete(len) => len,
            Frame::Partial(_) if stream.read_buf(&mut received).await? == 0 => return Ok(()),
            Frame::Partial(_) => continue,
        };
        let frame: Bytes = received.split_to(len).freeze();
        let dialect = framer.dialect().ok_or("no dialect")?;
        let call = wire::parse(frame, dialect, &Limits::default())?;
        let id = call.head.sequence_id;
        if call.head.name == "echo" {
            let result = echo_result(&call);
            stream.write_all(&message(call.dialect, NO_HEADER, 2, "echo", id, &result)).await?;
            continue;
        }
        let reply = trap.lock().map_err(|_| "a poisoned lock")?.clone();
        let bytes = match reply {
            Reply::End => return Ok(()),
            Reply::Stream(mut bytes) => {
                // Of a TTHeader, what can be right is: its sequence id.
                if let Some(place) = bytes.get_mut(8..12).filter(|_| call.dialect.framing.has_header()) {
                    place.copy_from_slice(&id.to_be_bytes());
                }
                bytes
            }
            Reply::Body(body, behind) => both(message(call.dialect, NO_HEADER, 2, "tree", id, &body), behind),
            Reply::Head(kind, name, off) => {
                message(call.dialect, NO_HEADER, kind, name, id.wrapping_add(off), &[0])
            }
        };
        stream.write_all(&bytes).await?;
    }
}
