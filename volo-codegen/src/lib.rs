//! Thrift IDL in, Rust text out.
#![forbid(unsafe_code)]

pub mod ast;
pub mod diag;
pub mod lex;
pub mod model;
pub mod parse;
pub mod source;
mod suggest;
