//! The `volo` command.

fn main() {}
