//! Small programs on the framework: `hello`, and `shop`, a product catalogue and an ordering service.
//!
//! The programs are in `src/bin`; this library is what they, the tests and the benches share.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod catalog;
pub mod clock;
pub mod fault;
mod listeners;
pub mod ordering;
pub mod report;
pub mod resources;
pub mod sample;
pub mod shop;
pub mod store;
pub mod tour;
pub mod wire;

mod generated {
    #![allow(missing_docs, reason = "not every item of the IDL has a comment")]
    include!(concat!(env!("OUT_DIR"), "/volo_gen.rs"));
}

pub use generated::*;
