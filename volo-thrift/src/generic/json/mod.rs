//! JSON as far as messages need it: read and written in place, without a tree.

mod read;
mod scan;
pub(super) mod write;

pub(super) use read::{Json, JsonError};
