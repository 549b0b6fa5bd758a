//! What the table promises, case by case; whole histories are a fuzz target.

use std::{collections::HashSet, time::Duration};

use super::*;

#[test]
fn ids_are_positive_and_a_wrapped_generation_skips_zero() {
    let mut calls = Calls::new(1);
    let mut seen = HashSet::new();
    for turn in 0..2 * usize::from(GENERATION_MAX) {
        let id = calls.open(turn, None).unwrap().to_wire();
        assert!(id > 0);
        assert_eq!(seen.insert(id), turn < usize::from(GENERATION_MAX));
        assert_eq!(calls.arrive(id), Arrival::Call(turn));
        assert_eq!(calls.arrive(id), Arrival::Unknown, "a second reply belongs to nobody");
    }
}

#[test]
fn an_expired_call_keeps_its_slot_until_its_reply() {
    let (mut calls, now) = (Calls::new(1), Instant::now());
    let id = calls.open("late", Some(now)).unwrap();
    calls.mark_sent(id, 100);
    let ended = calls.expire(now).unwrap();
    assert_eq!((ended.sink, ended.was_sent(100), ended.was_sent(101)), ("late", false, true));
    assert!(calls.is_choked());
    assert_eq!(calls.open("next", None), Err("next"));
    assert_eq!(calls.arrive(id.to_wire()), Arrival::Late);
    assert!(calls.open("next", None).is_ok());
}

#[test]
fn numbers_of_no_call_are_unknown() {
    let mut calls = Calls::<()>::new(4);
    let id = calls.open((), None).unwrap().to_wire();
    for number in [0, -1, i32::MIN, i32::MAX, id + 1, id + (1 << 16)] {
        assert_eq!(calls.arrive(number), Arrival::Unknown, "{number}");
    }
    assert_eq!(calls.arrive(id), Arrival::Call(()));
}

#[test]
fn deadlines_of_finished_calls_do_not_pile_up() {
    let (mut calls, now) = (Calls::new(8), Instant::now());
    calls.open(0, Some(now + Duration::from_secs(1))).unwrap(); // stays, so nothing behind it is first in line
    for call in 1..100_000 {
        let id = calls.open(call, Some(now + Duration::from_secs(2))).unwrap();
        calls.arrive(id.to_wire());
        assert!(calls.deadlines.len() <= 2 * 8 + STALE_DEADLINES);
    }
    assert_eq!(calls.next_deadline(), Some(now + Duration::from_secs(1)));
}
