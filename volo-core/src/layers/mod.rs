//! Layers of our own, for what [`tower`] has no equivalent of in a hot path.

pub mod logging;
pub mod timeout;
pub mod trace;
