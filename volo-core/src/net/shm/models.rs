//! Ring and sleep word under every order in which two ends can take turns: nothing is lost, nothing comes early, and
//! nobody sleeps for ever.

use std::sync::Arc;

use loom::{
    model::Builder,
    sync::{
        Notify,
        atomic::{AtomicU64, Ordering, fence},
    },
    thread,
};

use super::{
    layout::{CELL, CLASSES, HEAD, Layout, RING, SLEEP},
    memory::{Load, Store},
    ring::{Consumer, Content, Producer},
    wake::{Alarm, News, Sleeper},
};

const LAYOUT: Layout = Layout { cells: 4, counts: [0; CLASSES] };

/// One end's memory: its two words, and of each cell the number, the description and a word of payload.
#[derive(Clone)]
struct Words(Arc<Vec<AtomicU64>>);

impl Words {
    fn new() -> Self {
        Words(Arc::new((0..2 + 3 * LAYOUT.cells).map(|_| AtomicU64::new(0)).collect()))
    }

    fn word(&self, at: usize) -> &AtomicU64 {
        let index = match at {
            HEAD => 0,
            SLEEP => 1,
            _ => 2 + (at - RING) / CELL * 3 + (at - RING) % CELL / 8,
        };
        &self.0[index]
    }
}

impl Load for Words {
    fn load(&self, at: usize) -> u64 {
        let word = self.word(at).load(Ordering::Relaxed);
        fence(Ordering::Acquire);
        word
    }
}

impl Store for Words {
    fn store(&mut self, at: usize, word: u64) {
        self.word(at).store(word, Ordering::Release);
    }
}

/// What an end needs to send, or to receive.
struct End {
    own: Words,
    peers: Words,
    sleeper: Sleeper,
    alarm: Alarm,
    /// The sockets.
    own_wake_ups: Arc<Notify>,
    peers_wake_ups: Arc<Notify>,
}

impl End {
    fn pair() -> (End, End) {
        let (one, other) = (Words::new(), Words::new());
        let wake_ups = [(); 2].map(|()| Arc::new(Notify::new()));
        let end =
            |own: &Words, peers: &Words, own_wake_ups: &Arc<Notify>, peers_wake_ups: &Arc<Notify>| End {
                own: own.clone(),
                peers: peers.clone(),
                sleeper: Sleeper::default(),
                alarm: Alarm::default(),
                own_wake_ups: own_wake_ups.clone(),
                peers_wake_ups: peers_wake_ups.clone(),
            };
        (end(&one, &other, &wake_ups[0], &wake_ups[1]), end(&other, &one, &wake_ups[1], &wake_ups[0]))
    }

    fn wake_for(&mut self, news: News) {
        if self.alarm.is_due(&self.peers, news) {
            self.peers_wake_ups.notify();
        }
    }

    /// Sends so many records, `batch` of them at a time, and waits for room where there is none.
    fn send(mut self, count: u64, batch: u64) {
        let mut producer = Producer::new(LAYOUT);
        for number in 0..count {
            let content = Content::Inline(8);
            let start = loop {
                if let Some(start) = producer.place(content.cells(), &self.peers).unwrap() {
                    break start;
                }
                if producer.publish(&mut self.own) {
                    self.wake_for(News::Records);
                }
                self.sleeper.sleep(&mut self.own, true);
                if !producer.refresh(&self.peers).unwrap() {
                    self.own_wake_ups.wait();
                }
                self.sleeper.wake(&mut self.own);
            };
            self.own.word(producer.payload(start)).store(100 + number, Ordering::Relaxed);
            producer.stage(&mut self.own, start, content);
            if (number + 1) % batch == 0 && producer.publish(&mut self.own) {
                self.wake_for(News::Records);
            }
        }
        if producer.publish(&mut self.own) {
            self.wake_for(News::Records);
        }
    }

    /// Receives so many records, and sleeps where there are none.
    fn receive(mut self, count: u64) {
        let mut consumer = Consumer::new(LAYOUT);
        for number in 0..count {
            let record = loop {
                if let Some(record) = consumer.next(&self.peers).unwrap() {
                    break record;
                }
                self.sleeper.sleep(&mut self.own, false);
                if !consumer.is_ready(&self.peers) {
                    self.own_wake_ups.wait();
                }
                self.sleeper.wake(&mut self.own);
            };
            assert_eq!(self.peers.word(record.at).load(Ordering::Relaxed), 100 + number);
            consumer.consume(record);
            consumer.tell(&mut self.own);
            self.wake_for(News::Room);
        }
        assert_eq!(consumer.next(&self.peers), Ok(None));
    }
}

fn model(preemptions: usize, count: u64, batch: u64) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(move || {
        let (sender, receiver) = End::pair();
        let task = thread::spawn(move || receiver.receive(count));
        sender.send(count, batch);
        task.join().unwrap();
    });
}

#[test]
fn a_sleeping_reader_is_woken() {
    model(3, 2, 1);
}

#[test]
fn a_batch_is_seen_whole() {
    model(3, 3, 3);
}

#[test]
fn a_writer_without_room_is_woken() {
    model(2, 5, 2);
}
