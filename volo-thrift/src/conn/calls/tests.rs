//! The table against a model that is too simple to be wrong.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

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

/// xorshift: enough randomness for a test, the same on every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

/// What a call looks like from outside: its payload (even ones are written) and its deadline, or `None` once given up.
type Model = HashMap<i32, Option<(u64, Option<Instant>)>>;

fn is_written(call: u64) -> bool {
    call.is_multiple_of(2)
}

fn pick(model: &Model, random: &mut Random) -> Option<i32> {
    let mut ids: Vec<_> = model.keys().copied().collect();
    ids.sort_unstable();
    (!ids.is_empty()).then(|| ids[random.below(ids.len())])
}

#[test]
fn random_histories_agree_with_the_model() {
    for seed in 1..=50 {
        for window in [1, 2, 7, 64] {
            run_history(&mut Random(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed)), window);
        }
    }
}

fn run_history(random: &mut Random, window: usize) {
    let (mut calls, mut model, mut now) = (Calls::new(window), Model::new(), Instant::now());
    for call in 0..2_000_u64 {
        match random.below(100) {
            0..45 => {
                let deadline =
                    (random.below(4) > 0).then(|| now + Duration::from_millis(random.below(50) as u64));
                match calls.open(call, deadline) {
                    Ok(id) => {
                        if is_written(call) {
                            calls.mark_sent(id, call);
                        }
                        assert!(model.insert(id.to_wire(), Some((call, deadline))).is_none(), "id in use")
                    }
                    Err(sink) => assert_eq!((sink, model.len()), (call, window)),
                }
            }
            45..75 => reply(&mut calls, &mut model, random),
            75..80 => assert_eq!(calls.arrive(random.below(usize::MAX) as i32 | 1 << 30), Arrival::Unknown),
            80..90 => abandon(&mut calls, &mut model, random),
            90..99 => {
                now += Duration::from_millis(random.below(20) as u64);
                expire(&mut calls, &mut model, now);
            }
            _ => {
                let mut lost: Vec<_> = calls.close().map(|ended| ended.sink).collect();
                let mut expected: Vec<_> =
                    model.drain().filter_map(|(_, call)| call).map(|(call, _)| call).collect();
                lost.sort_unstable();
                expected.sort_unstable();
                assert_eq!(lost, expected);
            }
        }
        assert_eq!(calls.occupied(), model.len());
        assert_eq!(calls.waiting(), model.values().flatten().count());
        assert_eq!(calls.is_choked(), model.len() == window && model.values().all(Option::is_none));
        let earliest = model.values().flatten().filter_map(|(_, deadline)| *deadline).min();
        assert_eq!(calls.next_deadline(), earliest);
    }
    for id in model.keys() {
        assert_ne!(calls.arrive(*id), Arrival::Unknown);
    }
    assert_eq!(calls.occupied(), 0, "every slot came back");
}

fn reply(calls: &mut Calls<u64>, model: &mut Model, random: &mut Random) {
    let Some(id) = pick(model, random) else { return };
    let expected = match model.remove(&id).unwrap() {
        Some((call, _)) => Arrival::Call(call),
        None => Arrival::Late,
    };
    assert_eq!(calls.arrive(id), expected);
    assert_eq!(calls.arrive(id), Arrival::Unknown);
}

fn abandon(calls: &mut Calls<u64>, model: &mut Model, random: &mut Random) {
    let Some(id) = pick(model, random) else { return };
    let known = model.insert(id, None).unwrap();
    if known.is_some_and(|(call, _)| !is_written(call)) {
        model.remove(&id);
    }
    let ended = calls.abandon(SequenceId::from_wire(id).unwrap());
    assert_eq!(ended.map(|ended| ended.sink), known.map(|(call, _)| call));
}

fn expire(calls: &mut Calls<u64>, model: &mut Model, now: Instant) {
    let mut expired = HashSet::new();
    while let Some(ended) = calls.expire(now) {
        expired.insert(ended.sink);
    }
    model.retain(|_, call| match *call {
        Some((number, Some(deadline))) if deadline <= now => {
            assert!(expired.remove(&number), "missed a deadline");
            *call = None;
            is_written(number)
        }
        _ => true,
    });
    assert!(expired.is_empty(), "expired too early");
}
