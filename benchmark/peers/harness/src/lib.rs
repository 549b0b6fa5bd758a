//! What all systems share: the messages, and the shape in which a system offers its codec.
//!
//! A system never sees another one's types. Messages cross from one to the next as Binary bytes, which all of
//! them must read, and give back unchanged.
#![deny(unsafe_code)]

pub mod codec;
pub mod rpc;
