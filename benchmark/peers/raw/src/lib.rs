//! What the machine can do at most: plain copies, and hand-written socket loops without a framework.
//!
//! A message on the wire is its length in four bytes and that many bytes of text. There is no codec, no table of
//! calls, no limit and no deadline: these loops bound what a framework can reach, and are none.

pub mod codec;
mod epoll;
pub mod rpc;
