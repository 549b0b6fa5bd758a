//! One test body for every transport: what holds above the [`Link`] seam holds for all of them.

#[cfg(feature = "tls")]
#[path = "../certificates/mod.rs"]
mod certificates;
mod end;
mod link;
mod stream;

use std::{
    future::Future,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use end::Ends;

/// Runs every case on fresh connections over each transport.
macro_rules! conformance {
    ($transport:ident, $address:expr, $body:ident: $($case:ident)*) => {
        mod $transport {
            $(
                #[tokio::test]
                async fn $case() {
                    crate::within_limit(async { crate::$body::$case(crate::Ends::new($address).await).await }).await
                }
            )*
        }
    };
}

macro_rules! any_link {
    ($transport:ident, $address:expr) => {
        conformance!($transport, $address, link:
            sizes_up_to_a_mebibyte
            pipelined_frames_keep_their_order
            linked_bodies_arrive_in_place
            roll_back_leaves_the_stream_intact
            a_message_beyond_the_maximum_is_refused
            ranges_and_counters_agree
            a_peer_that_does_not_read_stops_the_writer
            waiting_for_room_holds_nothing
            both_directions_run_in_one_task
            half_close_lets_the_peer_finish
            a_dropped_peer_ends_the_stream
            a_listener_that_stops_loses_nobody
            idle_means_open_and_silent
            a_framing_error_is_final
        );
    };
}

macro_rules! any_stream {
    ($transport:ident, $address:expr) => {
        conformance!($transport, $address, stream:
            frames_arrive_byte_by_byte
            frames_arrive_whatever_the_pieces
            a_stream_cut_inside_a_frame_is_an_error
            a_lost_peer_fails_the_writer_for_good
        );
    };
}

any_link!(tcp, "127.0.0.1:0".to_owned());
any_link!(mem, crate::unique("mem://"));
#[cfg(unix)]
any_link!(unix, crate::unique("unix://"));
#[cfg(feature = "tls")]
any_link!(tls, "tls://127.0.0.1:0".to_owned());
#[cfg(target_os = "linux")]
any_link!(shm, crate::unique("shm://"));
#[cfg(target_os = "linux")]
any_link!(shm_trusted, crate::unique("shm://") + "-trusted");

mod streams {
    any_stream!(tcp, "127.0.0.1:0".to_owned());
    #[cfg(unix)]
    any_stream!(unix, crate::unique("unix://"));
}

/// An address no other case uses.
fn unique(scheme: &str) -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let name = format!("volo-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    format!("{scheme}{}", std::env::temp_dir().join(name).display())
}

async fn within_limit(case: impl Future<Output = ()>) {
    tokio::time::timeout(Duration::from_secs(30), case).await.expect("the case hangs");
}
