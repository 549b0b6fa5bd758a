//! Output that may be cut off: whoever reads it may stop, as `head` does, and that is no fault.

/// Writes a line to stdout.
macro_rules! say {
    ($($argument:tt)*) => {{
        use std::io::Write;
        drop(writeln!(std::io::stdout(), $($argument)*));
    }};
}
