//! Structs without a length in front, arriving in pieces. Message heads are the business of `wire`.

use super::*;
use crate::protocol::{DecodeError, Scan, Scanner};

const LEN_MAX: usize = 1 << 20;

/// Feeds the message in pieces and checks every answer.
#[track_caller]
fn check(protocol: Protocol, message: &[u8], mut piece: impl FnMut() -> usize) {
    let (mut scanner, mut so_far) = (Scanner::structure(protocol, 64, LEN_MAX), 0);
    loop {
        match scanner.advance(&message[..so_far]).unwrap() {
            Scan::Complete(len) => {
                assert_eq!((len, so_far), (message.len(), message.len()));
                break;
            }
            Scan::Partial(at_least) => {
                assert!(
                    so_far < at_least && at_least <= message.len(),
                    "{so_far} {at_least} {}",
                    message.len()
                );
                so_far = (so_far + piece()).min(message.len());
            }
        }
    }
    // What follows belongs to the next message.
    let more = [message, &[0xff; 20]].concat();
    let whole = Scanner::structure(protocol, 64, LEN_MAX).advance(&more);
    assert_eq!(whole, Ok(Scan::Complete(message.len())));
}

#[test]
fn any_pieces_give_the_same_end() {
    for seed in 0..200 {
        let mut random = Random::new(seed);
        for protocol in BOTH {
            let sample = encode(&sample(seed), protocol);
            let node = encode(&node(seed, 3), protocol);
            check(protocol, &sample, || 1 + random.below(40));
            check(protocol, &node, || 1 + random.below(2000));
            if seed % 20 == 0 {
                check(protocol, &sample, || 1);
            }
        }
    }
}

#[test]
fn jumps_say_how_much_is_missing() {
    let message = hex("0b0001 00010000");
    let mut scanner = Scanner::structure(Protocol::Binary, 64, LEN_MAX);
    assert_eq!(scanner.advance(&message), Ok(Scan::Partial(message.len() + 0x10000)));
    let list = hex("0f0001 0a 00001000");
    let mut scanner = Scanner::structure(Protocol::Binary, 64, LEN_MAX);
    assert_eq!(scanner.advance(&list), Ok(Scan::Partial(list.len() + 0x8000)));
}

#[track_caller]
fn error_of(protocol: Protocol, bytes: &[u8]) -> DecodeError {
    Scanner::structure(protocol, 64, LEN_MAX).advance(bytes).unwrap_err()
}

#[test]
fn limits() {
    for protocol in BOTH {
        let (long, deep) = match protocol {
            Protocol::Binary => (["0b0001 00100000", "0f0001 0c 7fffffff", "0d0001 0a0a 7fffffff"], "0c0001"),
            Protocol::Compact => (["18 808040", "19fc ffffffff07", "1b ffffffff07 66"], "1c"),
        };
        for body in long {
            assert_eq!(error_of(protocol, &hex(body)), DecodeError::TooLong, "{body}");
        }
        assert_eq!(error_of(protocol, &hex(&deep.repeat(100_000))), DecodeError::TooDeep);
        let bad = if protocol == Protocol::Binary { "0f0001 07 00000001" } else { "19 1e" };
        assert_eq!(error_of(protocol, &hex(bad)), DecodeError::WrongType);
    }
}

/// Every byte arrives alone: the work must grow with the bytes, not with their square.
#[test]
fn one_byte_at_a_time_is_linear() {
    let strings = Holder(vec!["abc".to_owned(); 20_000]);
    for protocol in BOTH {
        let message = encode(&strings, protocol);
        let started = std::time::Instant::now();
        check(protocol, &message, || 1);
        assert!(started.elapsed().as_secs() < 5, "{protocol:?} took {:?}", started.elapsed());
    }
}
