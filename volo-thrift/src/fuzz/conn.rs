//! Histories of the call table, against a model that is too simple to be wrong.

use std::{
    collections::{BTreeMap, HashSet},
    time::{Duration, Instant},
};

use super::random::Random;
use crate::conn::{Arrival, Calls, SequenceId};

/// What a call looks like from outside: its payload (even ones are written) and its deadline, or `None` once given up.
type Model = BTreeMap<i32, Option<(u64, Option<Instant>)>>;

fn is_written(call: u64) -> bool {
    call.is_multiple_of(2)
}

/// Reads the bytes as a script of what happens on a connection.
pub(super) fn history(script: &[u8]) {
    let random = &mut Random::scripted(script);
    let window = [1, 2, 7, 64][random.below(4)];
    let (mut calls, mut model, mut now) = (Calls::new(window), Model::new(), Instant::now());
    let mut call = 0;
    while !random.is_over() {
        match random.below(100) {
            0..45 => {
                open(&mut calls, &mut model, window, call, random, now);
                call += 1;
            }
            45..70 => reply(&mut calls, &mut model, random),
            70..80 => stray(&mut calls, &model, random.next() as i32),
            80..90 => abandon(&mut calls, &mut model, random),
            90..99 => {
                now += Duration::from_millis(random.below(20) as u64);
                expire(&mut calls, &mut model, now);
            }
            _ => close(&mut calls, &mut model),
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

fn open(
    calls: &mut Calls<u64>,
    model: &mut Model,
    window: usize,
    call: u64,
    random: &mut Random<'_>,
    now: Instant,
) {
    let deadline = (random.below(4) > 0).then(|| now + Duration::from_millis(random.below(50) as u64));
    match calls.open(call, deadline) {
        Ok(id) => {
            assert!(id.to_wire() > 0);
            if is_written(call) {
                calls.mark_sent(id, call);
            }
            assert!(model.insert(id.to_wire(), Some((call, deadline))).is_none(), "id in use");
        }
        Err(sink) => assert_eq!((sink, model.len()), (call, window)),
    }
}

fn pick(model: &Model, random: &mut Random<'_>) -> Option<i32> {
    model.keys().nth(random.below(model.len())).copied()
}

fn reply(calls: &mut Calls<u64>, model: &mut Model, random: &mut Random<'_>) {
    let Some(id) = pick(model, random) else { return };
    let expected = match model.remove(&id).flatten() {
        Some((call, _)) => Arrival::Call(call),
        None => Arrival::Late,
    };
    assert_eq!(calls.arrive(id), expected);
    assert_eq!(calls.arrive(id), Arrival::Unknown, "a second reply belongs to nobody");
}

/// Whatever number a peer makes up, only one that is under way has an owner.
fn stray(calls: &mut Calls<u64>, model: &Model, number: i32) {
    if !model.contains_key(&number) {
        assert_eq!(calls.arrive(number), Arrival::Unknown);
    }
}

fn abandon(calls: &mut Calls<u64>, model: &mut Model, random: &mut Random<'_>) {
    let Some(id) = pick(model, random) else { return };
    let known = model.insert(id, None).flatten();
    if known.is_some_and(|(call, _)| !is_written(call)) {
        model.remove(&id);
    }
    let ended = calls.abandon(SequenceId::from_wire(id).expect("ids are positive"));
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

fn close(calls: &mut Calls<u64>, model: &mut Model) {
    let mut lost: Vec<_> = calls.close().map(|ended| ended.sink).collect();
    let mut expected: Vec<_> = std::mem::take(model).into_values().flatten().map(|(call, _)| call).collect();
    lost.sort_unstable();
    expected.sort_unstable();
    assert_eq!(lost, expected);
}
