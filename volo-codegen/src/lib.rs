//! Thrift IDL in, Rust text out.
#![forbid(unsafe_code)]

pub mod model;
