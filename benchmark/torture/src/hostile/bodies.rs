//! Arguments that claim more than they have, or what can't be: each in Framed, TTHeader, mux and without framing.
//!
//! In a frame, a fault costs an exception and nothing else, since the next frame's start is known. Without one, the
//! connection ends with the exception, unless the end of the message could be found; what might still be completed is
//! waited for, until the time for a frame is over.

use volo_thrift::protocol::Protocol;

use super::{
    Row,
    bytes::{HUGE, HUGE_VARINT, MOST_VARINT, both, compact_node, framed, head, node, tree, ttheader},
};

const FAULT: &str = "exception 7, kept";
const REPLY: &str = "reply, kept";
/// Without framing: the same, but the stream is lost.
const LOST: &str = "exception 7, closed";
const UNSENT: &str = "exception 6, kept";
/// Without framing: the rest may still come.
const WAITS: &str = "nothing, timed out";

/// Name, arguments, outcome in a frame, outcome without framing.
type Body = (&'static str, Vec<u8>, &'static str, &'static str);

/// All rows.
pub fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for (protocol, bodies) in [(Protocol::Binary, binary()), (Protocol::Compact, compact())] {
        for (name, args, in_frame, without) in bodies {
            let message = tree(protocol, &args);
            let header: &[u8] = if protocol == Protocol::Binary { b"\0\0" } else { b"\x02\0" };
            let protocol = if protocol == Protocol::Binary { "Binary" } else { "Compact" };
            let row = |framing: &str, bytes, expected| {
                Row::new(format!("{framing} {protocol}: {name}"), bytes, expected)
            };
            rows.push(row("framed", framed(&message), in_frame));
            rows.push(row("TTHeader", ttheader(0, header, &message), in_frame));
            rows.push(row("mux", ttheader(1, header, &message), in_frame));
            rows.push(row("unframed", message, without));
        }
    }
    rows.extend(bombs());
    rows
}

fn binary() -> Vec<Body> {
    let mut bodies = binary_claims();
    bodies.extend(binary_contents());
    bodies
}

/// Counts and lengths that lie.
fn binary_claims() -> Vec<Body> {
    vec![
        ("list<i64> of 2^31-1", node(&head(15, 1, &[10], HUGE)), FAULT, LOST),
        ("list<struct> of 2^31-1", node(&head(15, 5, &[12], HUGE)), FAULT, LOST),
        ("list<bool> of 2^31-1", node(&head(15, 8, &[2], HUGE)), FAULT, LOST),
        ("list<map> of 2^31-1", node(&head(15, 9, &[13], HUGE)), FAULT, LOST),
        ("list<list> of 2^31-1", node(&head(15, 10, &[15], HUGE)), FAULT, LOST),
        ("list<i64> of one more than there are", node(&both(head(15, 1, &[10], 2), [0; 8])), FAULT, WAITS),
        ("set<string> of 10^8", node(&head(14, 2, &[11], 100_000_000)), FAULT, LOST),
        ("map<string,string> of 10^8", node(&head(13, 3, &[11, 11], 100_000_000)), FAULT, LOST),
        ("map<string,string> of 2^31-1", node(&head(13, 3, &[11, 11], HUGE)), FAULT, LOST),
        ("list of -1", node(&head(15, 1, &[10], -1)), FAULT, LOST),
        ("set of -1", node(&head(14, 2, &[11], -1)), FAULT, LOST),
        ("map of -1", node(&head(13, 3, &[11, 11], -1)), FAULT, LOST),
        ("list of -2^31", node(&head(15, 1, &[10], i32::MIN)), FAULT, LOST),
        ("set of -2^31", node(&head(14, 2, &[11], i32::MIN)), FAULT, LOST),
        ("map of -2^31", node(&head(13, 3, &[11, 11], i32::MIN)), FAULT, LOST),
        ("string of -2^31", node(&head(11, 6, &[], i32::MIN)), FAULT, LOST),
        ("list<list> of -1", node(&head(15, 10, &[15], -1)), FAULT, LOST),
        ("unknown list of -1", node(&head(15, 99, &[10], -1)), FAULT, LOST),
        ("unknown set of -2^31", node(&head(14, 99, &[11], i32::MIN)), FAULT, LOST),
        ("unknown string of -2^31", node(&head(11, 99, &[], i32::MIN)), FAULT, LOST),
        ("string of 2^31-1", node(&head(11, 6, &[], HUGE)), FAULT, LOST),
        ("string of -1", node(&head(11, 6, &[], -1)), FAULT, LOST),
        (
            "string of one more than there is",
            node(&both(head(11, 6, &[], 4), "abc"))[..13].to_vec(),
            FAULT,
            WAITS,
        ),
        ("binary of 2^31-1", node(&head(11, 7, &[], HUGE)), FAULT, LOST),
        ("binary of -1", node(&head(11, 7, &[], -1)), FAULT, LOST),
        ("unknown string of 2^31-1", node(&head(11, 99, &[], HUGE)), FAULT, LOST),
        ("unknown string of -1", node(&head(11, 99, &[], -1)), FAULT, LOST),
        ("unknown list of void x 2^31-1", node(&head(15, 99, &[0], HUGE)), FAULT, LOST),
        ("unknown map of void x 2^31-1", node(&head(13, 99, &[0, 0], HUGE)), FAULT, LOST),
        ("unknown list<struct> of 2^31-1", node(&head(15, 99, &[12], HUGE)), FAULT, LOST),
        ("unknown map of -1", node(&head(13, 99, &[11, 11], -1)), FAULT, LOST),
    ]
}

/// Contents that don't fit, and nesting.
fn binary_contents() -> Vec<Body> {
    let deep = |step: &[u8], times: usize| both(b"\x0c\0\x01", step.repeat(times));
    vec![
        ("string not UTF-8", node(&both(head(11, 6, &[], 2), b"\xff\xfe")), FAULT, FAULT),
        ("string of a lone surrogate", node(&both(head(11, 6, &[], 3), b"\xed\xa0\x80")), FAULT, FAULT),
        (
            "map key not UTF-8",
            node(&both(head(13, 3, &[11, 11], 1), b"\0\0\0\x01\xff\0\0\0\0")),
            FAULT,
            FAULT,
        ),
        ("list of another element type", node(&both(head(15, 1, &[11], 1), [0; 4])), FAULT, FAULT),
        ("list of an invalid element type", node(&both(head(15, 1, &[99], 1), [0; 8])), FAULT, LOST),
        ("field of another type", node(b"\x08\0\x06\0\0\0\x01"), REPLY, REPLY),
        ("unknown field type", node(b"\x63\0\x01\0"), FAULT, LOST),
        ("required field missing in a list element", node(&both(head(15, 11, &[12], 1), [0])), FAULT, FAULT),
        ("duplicate field", node(&both(head(11, 6, &[], 1), b"a\x0b\0\x06\0\0\0\x01b")), REPLY, REPLY),
        ("bool of 7", node(b"\x02\0\x0c\x07"), REPLY, REPLY),
        ("known structs 63 deep", both(deep(b"\x0c\0\x04", 61), [0; 63]), REPLY, REPLY),
        // Its echo has an empty list below, which nobody would read.
        ("known structs 64 deep", both(deep(b"\x0c\0\x04", 62), [0; 64]), UNSENT, UNSENT),
        ("known structs 65 deep", both(deep(b"\x0c\0\x04", 63), [0; 65]), FAULT, LOST),
        ("known structs 20,000 deep", both(deep(b"\x0c\0\x04", 20_000), [0; 20_002]), FAULT, LOST),
        ("known structs 10^6 deep", both(deep(b"\x0c\0\x04", 1_000_000), [0; 1_000_002]), FAULT, LOST),
        ("unknown structs 1,000 deep", both(deep(b"\x0c\0\x63", 1000), [0; 1002]), FAULT, LOST),
        ("unknown structs 100,000 deep", both(deep(b"\x0c\0\x63", 100_000), [0; 100_002]), FAULT, LOST),
        (
            "unknown lists 100,000 deep",
            both(b"\x0c\0\x01\x0f\0\x63", b"\x0f\0\0\0\x01".repeat(100_000)),
            FAULT,
            LOST,
        ),
        ("struct without end", both(b"\x0c\0\x01", b"\x02\0\x0c\x01"), FAULT, WAITS),
        ("field without value", b"\x0c\0\x01\x0a\0\x01".to_vec(), FAULT, WAITS),
        ("nothing where arguments should be", Vec::new(), FAULT, WAITS),
        ("no arguments", vec![0], REPLY, REPLY),
    ]
}

fn compact() -> Vec<Body> {
    let long = |head: &[u8], varint: &[u8]| compact_node(&both(head, varint));
    vec![
        ("list<i64> of 2^31-1", long(b"\x19\xf6", HUGE_VARINT), FAULT, LOST),
        ("list<i64> of 2^32-1", long(b"\x19\xf6", MOST_VARINT), FAULT, LOST),
        ("list<struct> of 2^31-1", long(b"\x59\xfc", HUGE_VARINT), FAULT, LOST),
        ("set<string> of 2^31-1", long(b"\x2a\xf8", HUGE_VARINT), FAULT, LOST),
        ("map of 2^31-1", compact_node(&[b"\x3b", HUGE_VARINT, b"\x88"].concat()), FAULT, LOST),
        ("map of 2^32-1", compact_node(&[b"\x3b", MOST_VARINT, b"\x88"].concat()), FAULT, LOST),
        ("string of 2^31-1", long(b"\x68", HUGE_VARINT), FAULT, LOST),
        ("string of 2^32-1", long(b"\x68", MOST_VARINT), FAULT, LOST),
        ("binary of 2^32-1", long(b"\x78", MOST_VARINT), FAULT, LOST),
        ("varint of 20 bytes as a length", long(b"\x68", &[0xff; 20]), FAULT, LOST),
        ("varint of 20 bytes as an i64", compact_node(&both(b"\x19\x16", [0xff; 20])), FAULT, LOST),
        ("varint of 20 bytes as an i32", compact_node(&both(b"\x05\x22", [0xff; 20])), FAULT, LOST),
        ("string not UTF-8", compact_node(b"\x68\x02\xff\xfe"), FAULT, FAULT),
        ("unknown bool field", compact_node(b"\x05\xc6\x01\x01\x05\xc8\x01\x02")[..4].to_vec(), FAULT, WAITS),
        ("unknown true and false", compact_node(b"\x01\xc6\x01\x02\xc8\x01"), REPLY, REPLY),
        ("unknown list of void x 2^31-1", compact_node(&both(b"\x09\xc6\x01\xf0", HUGE_VARINT)), FAULT, LOST),
        ("unknown field type", compact_node(b"\x1f\0"), FAULT, LOST),
        ("field id beyond 16 bits", compact_node(b"\x05\xff\xff\xff\xff\x0f\0"), FAULT, LOST),
        ("field id that overflows by its delta", compact_node(b"\x05\xfe\xff\x03\x02\xf5\x02"), REPLY, REPLY),
        ("list of another element type", compact_node(b"\x19\x18\0"), FAULT, FAULT),
        ("required field missing in a list element", compact_node(b"\xb9\x1c\0"), FAULT, FAULT),
        ("known structs 20,000 deep", both(b"\x1c", b"\x4c".repeat(20_000)), FAULT, LOST),
        ("known structs 10^6 deep", both(b"\x1c", b"\x4c".repeat(1_000_000)), FAULT, LOST),
        ("unknown structs 100,000 deep", both(b"\x1c\xfc", b"\x1c".repeat(100_000)), FAULT, LOST),
        ("struct without end", b"\x1c\x68\x01a".to_vec(), FAULT, WAITS),
    ]
}

/// The largest message there may be, full of what takes least on the wire and most in memory.
fn bombs() -> Vec<Row> {
    const MESSAGE_MAX: usize = 16 << 20;
    let filled = |field_type: u8, id: u8, elements: &[u8], element: &[u8]| {
        let count = (MESSAGE_MAX - 100) / element.len();
        let mut fields = head(field_type, id, elements, count as i32);
        fields.extend(element.repeat(count));
        framed(&tree(Protocol::Binary, &node(&fields)))
    };
    // The frame, growth of its buffer, what is decoded of it, and the encoded reply of at most the same size.
    let heap_max = 4 * MESSAGE_MAX as u64;
    let bomb = |name: &str, bytes, expected| Row {
        heap_max,
        ..Row::new(format!("16 MiB of {name}"), bytes, expected)
    };
    vec![
        bomb("empty structs", filled(15, 5, &[12], &[0]), FAULT),
        bomb("empty maps", filled(15, 9, &[13], &[11, 11, 0, 0, 0, 0]), FAULT),
        bomb("empty lists", filled(15, 10, &[15], &[2, 0, 0, 0, 0]), FAULT),
        bomb("equal set elements", filled(14, 2, &[11], &[0, 0, 0, 0]), FAULT),
        // Read, but with all its other fields the reply would pass message_max.
        bomb("bools", filled(15, 8, &[2], &[1]), "exception 6, kept"),
        bomb("unknown empty structs", filled(15, 99, &[12], &[0]), REPLY),
    ]
}
