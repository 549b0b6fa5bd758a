//! tonic and prost under test.
#![forbid(unsafe_code)]

pub mod codec;
pub mod rpc;
mod transcode;

mod messages {
    #![allow(dead_code, reason = "the cases need some of the messages")]
    include!(concat!(env!("OUT_DIR"), "/messages.rs"));
}
