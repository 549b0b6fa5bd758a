//! JSON as far as messages need it: read and written in place, without a tree.

mod key;
mod out;
mod read;
mod scan;
pub(super) mod write;

pub(super) use key::{Key, Prefix};
pub(super) use out::Out;
pub(super) use read::{Json, JsonError};
