//! What the process may use, as the system tells it: the defaults of limits that depend on the machine.

use std::fs;

use volo_core::runtime::memory_max;

/// Descriptors left for listeners, logs, clients and files.
const DESCRIPTORS_RESERVED: usize = 64;

/// Assumed where the system doesn't tell.
const DESCRIPTORS_ASSUMED: usize = 1024;

/// Connections that fit into the process's descriptor limit.
pub(crate) fn connections_max() -> usize {
    let limit = fs::read_to_string("/proc/self/limits").ok().and_then(|text| descriptor_limit(&text));
    limit.unwrap_or(DESCRIPTORS_ASSUMED).saturating_sub(DESCRIPTORS_RESERVED).max(1)
}

/// A quarter of the memory the process may use.
pub(crate) fn receive_memory_max() -> usize {
    memory_max() / 4
}

/// The soft limit of open files in the text of `/proc/self/limits`.
fn descriptor_limit(text: &str) -> Option<usize> {
    let line = text.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_found_in_the_system_s_texts() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units\n\
                      Max core file size        0                    unlimited            bytes\n\
                      Max open files            20000                1048576              files\n";
        assert_eq!(descriptor_limit(limits), Some(20_000));
        assert_eq!(descriptor_limit("Max open files   unlimited  unlimited files"), None);
        assert!(connections_max() >= 1 && receive_memory_max() > 0);
    }
}
