//! The inbox under every order in which threads can take turns: nothing that arrives is missed, nothing comes twice.

use std::{future::poll_fn, sync::Arc, task::Poll};

use loom::{future::block_on, thread};

use super::*;

/// Takes so many, as a connection does: all there is at each turn, then it waits.
async fn take(inbox: &Inbox<u8>, count: usize) -> Vec<u8> {
    let mut taken = Vec::new();
    poll_fn(|cx| {
        while taken.len() < count {
            match inbox.poll_next(cx) {
                Some(next) => taken.push(next),
                None => return Poll::Pending,
            }
        }
        Poll::Ready(())
    })
    .await;
    taken.sort_unstable();
    taken
}

#[test]
fn all_that_arrives_is_taken() {
    loom::model(|| {
        let inbox = Arc::new(Inbox::default());
        let pushes = [1, 2].map(|number| {
            let inbox = inbox.clone();
            thread::spawn(move || inbox.push(number))
        });
        assert_eq!(block_on(take(&inbox, 2)), [1, 2]);
        pushes.into_iter().for_each(|push| push.join().unwrap());
    });
}

/// A connection without room for a reply takes none, but hears of the next one, because it needs memory.
#[test]
fn who_only_watches_is_woken_and_takes_it_later() {
    loom::model(|| {
        let inbox = Arc::new(Inbox::default());
        let (mut began, pushing) = (None, inbox.clone());
        block_on(poll_fn(|cx| {
            if began.is_some() {
                return Poll::Ready(());
            }
            inbox.watch(cx);
            let pushing = pushing.clone();
            began = Some(thread::spawn(move || pushing.push(1)));
            Poll::Pending
        }));
        assert_eq!(block_on(take(&inbox, 1)), [1]);
        began.unwrap().join().unwrap();
    });
}
