//! Our framework under test.
#![forbid(unsafe_code)]

pub mod codec;
pub mod rpc;
pub mod samples;

pub use benchmark::layers::{cases as layers, finish};

mod generated {
    #![allow(missing_docs, reason = "not every item of the IDL has a comment")]
    include!(concat!(env!("OUT_DIR"), "/volo_gen.rs"));
}

/// The code generated from the IDL of the shop, to count its lines.
pub const SHOP: &str = include_str!(concat!(env!("OUT_DIR"), "/shop.rs"));
