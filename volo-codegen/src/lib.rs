//! Thrift IDL in, Rust text out.
#![forbid(unsafe_code)]

mod emit;
pub mod model;
mod options;

pub use options::Options;
