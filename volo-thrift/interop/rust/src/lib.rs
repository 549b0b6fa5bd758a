//! Our side of the interop tests, and of Apache's cross-language test.
//!
//! [`handler`] and [`probe`] serve the shared IDL, [`cells`] calls a peer that serves it and reports cell by cell;
//! [`thrift_test`] is both sides of Apache's test.
#![forbid(unsafe_code)]

pub mod cells;
pub mod handler;
pub mod probe;
pub mod report;
pub mod thrift_test;

mod generated {
    #![allow(missing_docs, reason = "not every item of the IDL has a comment")]
    include!(concat!(env!("OUT_DIR"), "/volo_gen.rs"));
}

pub use generated::{evolved, identity, peer, thrift_test as thrift_test_idl};
