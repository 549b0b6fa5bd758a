use std::{sync::mpsc, thread};

use bytes::Bytes;

use super::{
    super::{
        layout::capacity,
        sys::{self, Writer},
    },
    *,
};

const LAYOUT: Layout = Layout { cells: 128, counts: [8, 0, 2, 0, 0] };

/// The books of two ends.
fn books(leased_max: usize) -> [Trade; 2] {
    let files = [(); 2].map(|()| sys::create(LAYOUT.len(), Writer::Both).unwrap());
    let map = |at: usize| sys::map_peer(&files[at].0, LAYOUT.len(), Writer::Both).unwrap();
    let others = [map(1), map(0)];
    let mut others = others.into_iter();
    files.map(|(file, own)| {
        let files = Files { file, own, peers: others.next().unwrap() };
        Trade::new(files, LAYOUT, LAYOUT, usize::MAX, leased_max)
    })
}

/// Sends so many bytes of this value.
fn send(book: &mut Trade, len: usize, value: u8) -> Content {
    let slot = book.find(len).unwrap();
    let room = book.lend(slot, len);
    assert_eq!(room.len(), len);
    for byte in room {
        byte.write(value);
    }
    book.sent(slot);
    slot.content(len)
}

fn receive(book: &mut Trade, content: Content) -> Bytes {
    Bytes::from_owner(book.receive(content).unwrap().unwrap())
}

/// The text of the violation.
fn refused(book: &mut Trade, content: Content) -> String {
    book.receive(content).err().unwrap().0
}

#[test]
fn a_reply_goes_into_the_slice_of_its_request() {
    let [mut client, mut server] = books(usize::MAX);
    for round in 0..10 {
        let request = send(&mut client, 3000, round);
        assert_eq!(request, Content::Slice { class: 0, index: 0, len: 3000 });
        let received = receive(&mut server, request);
        assert!(received.iter().all(|byte| *byte == round) && received.len() == 3000);
        drop(received);
        let reply = send(&mut server, 4000, 100 + round);
        assert_eq!(reply, Content::Back { class: 0, index: 0, len: 4000 });
        assert!(receive(&mut client, reply).iter().all(|byte| *byte == 100 + round));
    }
}

#[test]
fn a_message_in_use_keeps_its_slice() {
    let [mut client, mut server] = books(usize::MAX);
    let request = send(&mut client, 3000, 1);
    let received = receive(&mut server, request);
    let part = received.slice(10..20);
    drop(received);
    let reply = send(&mut server, 3000, 2);
    assert_eq!(reply, Content::Slice { class: 0, index: 0, len: 3000 }, "in a slice of the server's");
    let other = send(&mut client, 3000, 3);
    assert_eq!(other, Content::Slice { class: 0, index: 1, len: 3000 });
    assert_eq!(&part[..], &[1; 10]);
    drop(part);
    assert_eq!(send(&mut server, 3000, 4), Content::Back { class: 0, index: 0, len: 3000 });
}

#[test]
fn a_lease_outlives_its_connection_and_may_end_on_any_thread() {
    let taken = |book: &Trade| Arc::downgrade(book.arena.taken());
    let [mut client, mut server] = books(usize::MAX);
    let [clients, servers] = [taken(&client), taken(&server)];
    let request = send(&mut client, 50_000, 7);
    let received = receive(&mut server, request);
    drop(client);
    assert!(clients.upgrade().is_none());
    drop(server);
    assert!(servers.upgrade().is_some(), "the memory counts until the last lease ends");
    let (sender, receiver) = mpsc::channel::<Bytes>();
    let other = thread::spawn(move || receiver.recv().unwrap().iter().all(|byte| *byte == 7));
    sender.send(received).unwrap();
    assert!(other.join().unwrap());
    assert!(servers.upgrade().is_none());
}

#[test]
fn slices_released_elsewhere_are_used_again() {
    let [mut client, mut server] = books(usize::MAX);
    for round in 0..100 {
        let request = send(&mut client, 3000, round);
        let received = receive(&mut server, request);
        thread::spawn(move || drop(received)).join().unwrap();
        let reply = send(&mut server, 3000, round);
        assert!(matches!(reply, Content::Back { .. }), "{reply:?}");
        drop(receive(&mut client, reply));
    }
}

#[test]
fn beyond_the_quota_messages_are_to_be_copied() {
    let [mut client, mut server] = books(2 * stride(0));
    let mut leases = Vec::new();
    for len in [1000, 2000, 3000] {
        let request = send(&mut client, len, 1);
        assert!(!server.is_exhausted(request));
        leases.push(receive(&mut server, request));
    }
    let request = send(&mut client, 3000, 1);
    assert!(server.is_exhausted(request));
    leases.pop();
    assert!(!server.is_exhausted(request));
}

#[test]
fn half_the_slices_of_a_size_are_left_to_the_sender() {
    let [mut client, mut server] = books(usize::MAX);
    let mut leases = Vec::new();
    for _ in 0..100 {
        let request = send(&mut client, 3000, 1);
        let copied = server.is_exhausted(request);
        let received = receive(&mut server, request);
        match copied {
            true => drop(received),
            false => leases.push(received),
        }
        while let Some(slot) = server.excess(true) {
            server.sent(slot);
            assert!(client.receive(slot.content(0)).unwrap().is_none());
        }
    }
    assert_eq!(leases.len(), 4);
    let small: Vec<_> = (0..4).map(|_| send(&mut client, 3000, 1)).collect();
    let large = send(&mut client, 60_000, 1);
    assert!(server.is_exhausted(small[0]) && !server.is_exhausted(large));
    assert!(!server.is_exhausted(Content::Slice { class: CLASSES, index: 0, len: 1 }));
    leases.pop();
    assert!(!server.is_exhausted(small[0]));
}

#[test]
fn the_peer_gets_back_what_is_too_much_here() {
    let [mut client, mut server] = books(usize::MAX);
    let requests: Vec<_> = (0..8).map(|value| send(&mut client, 3000, value)).collect();
    assert_eq!(client.find(3000), None);
    for request in requests {
        drop(receive(&mut server, request));
    }
    for (alone, kept) in [(true, 4), (false, 2)] {
        while let Some(slot) = server.excess(alone) {
            server.sent(slot);
            assert!(client.receive(slot.content(0)).unwrap().is_none());
        }
        assert_eq!(server.spare[0].len(), kept);
    }
    assert_eq!(send(&mut client, 3000, 1).cells(), 1);
}

#[test]
fn what_contradicts_the_book_is_caught() {
    let [mut client, mut server] = books(usize::MAX);
    let request = send(&mut client, 3000, 1);
    let received = receive(&mut server, request);
    assert!(refused(&mut server, request).contains("doesn't hold"), "while it is leased");
    drop(received);
    assert!(refused(&mut server, request).contains("doesn't hold"), "before it was handed back");
    let never_sent = Content::Back { class: 0, index: 1, len: 3000 };
    assert!(refused(&mut client, never_sent).contains("doesn't hold"));
    let back = Content::Back { class: 0, index: 0, len: 0 };
    assert!(client.receive(back).unwrap().is_none());
    assert!(refused(&mut client, back).contains("doesn't hold"), "twice");
    for (class, index) in [(0, 8), (1, 0), (CLASSES, 0), (0, usize::MAX)] {
        let content = Content::Slice { class, index, len: 10 };
        assert!(refused(&mut server, content).contains("there isn't"), "{content:?}");
    }
}

#[test]
fn only_a_free_slice_is_lent() {
    let [mut client, mut server] = books(usize::MAX);
    let slot = client.find(3000).unwrap();
    assert_eq!(client.lend(slot, capacity(0)).len(), capacity(0));
    assert_eq!(client.lend(slot, 1 << 20).len(), stride(0), "never more than the slice");
    client.sent(slot);
    assert_eq!(client.lend(slot, 3000).len(), 0);
    let received = receive(&mut server, slot.content(3000));
    let slot = Slot { side: Side::Peers, ..slot };
    assert_eq!(server.lend(slot, 3000).len(), 0);
    drop(received);
    assert_eq!(server.find(3000), Some(slot));
    assert_eq!(server.lend(slot, 3000).len(), 3000);
}

/// Two ends take turns at random, keep what they received for a while, and find it unchanged.
#[test]
fn no_message_changes_while_it_is_in_use() {
    let mut state = 0x5eed_u64;
    let mut random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    let mut books = books(usize::MAX);
    let mut kept: [Vec<(Bytes, u8)>; 2] = Default::default();
    for round in 0..2_000 {
        let (from, value) = (random() % 2, round as u8);
        let len = [1000, 4000, 60_000][random() % 3];
        if books[from].find(len).is_some() {
            let content = send(&mut books[from], len, value);
            let message = receive(&mut books[1 - from], content);
            kept[1 - from].push((message, value));
        }
        while let Some(slot) = books[from].excess(false) {
            books[from].sent(slot);
            assert!(books[1 - from].receive(slot.content(0)).unwrap().is_none());
        }
        for kept in &mut kept {
            while kept.len() > random() % 8 {
                let (message, value) = kept.swap_remove(random() % kept.len());
                assert!(message.iter().all(|byte| *byte == value), "round {round}");
            }
        }
    }
}

/// Records at random: the book gives no slice twice and nothing outside, and never panics.
#[test]
fn no_record_makes_the_book_err() {
    let mut state = 0xb00c_u64;
    let mut random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    let [mut client, mut server] = books(usize::MAX);
    let mut held: Vec<Bytes> = Vec::new();
    let (mut caught, mut passed) = (0, 0);
    for _ in 0..100_000 {
        if random() % 4 == 0
            && let Some(slot) = client.find(1 + random() % 60_000)
        {
            client.sent(slot);
        }
        let (class, index, len) = (random() % CLASSES, random() % 9, random() % capacity(0));
        let book = if random() % 2 == 0 { &mut client } else { &mut server };
        let content = match random() % 2 {
            0 => Content::Slice { class, index, len },
            _ => Content::Back { class, index, len },
        };
        match book.receive(content) {
            Err(_) => caught += 1,
            Ok(None) => passed += 1,
            Ok(Some(lease)) => {
                let message = Bytes::from_owner(lease);
                let range = message.as_ptr_range();
                assert!(held.iter().all(|other| {
                    let other = other.as_ptr_range();
                    range.end <= other.start || other.end <= range.start
                }));
                held.push(message);
                passed += 1;
            }
        }
        while held.len() > random() % 6 {
            held.swap_remove(random() % held.len());
        }
    }
    assert!(caught > 1000 && passed > 1000, "{caught} caught, {passed} passed");
}
