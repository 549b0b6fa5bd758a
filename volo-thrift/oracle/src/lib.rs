//! Our codec beside two foreign ones: Apache's Rust crate for Binary and Compact, pilota for Binary.
//!
//! Every test type is described once, by [`record!`], which writes what our generator would, what pilota's would,
//! and a description that Apache's protocols can walk.
#![forbid(unsafe_code)]

pub mod apache;
mod dynamic;
pub mod peer;
pub mod random;
mod record;
pub mod tmf;
pub mod types;

pub use dynamic::{Described, DescribedField, Dynamic};
