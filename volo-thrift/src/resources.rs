//! What the process may use, as the system tells it: the defaults of limits that depend on the machine.

use std::fs;

/// Descriptors left for listeners, logs, clients and files.
const DESCRIPTORS_RESERVED: usize = 64;

/// Assumed where the system doesn't tell.
const DESCRIPTORS_ASSUMED: usize = 1024;
const MEMORY_ASSUMED: usize = 1 << 30;

/// Connections that fit into the process's descriptor limit.
pub(crate) fn connections_max() -> usize {
    let limit = fs::read_to_string("/proc/self/limits").ok().and_then(|text| descriptor_limit(&text));
    limit.unwrap_or(DESCRIPTORS_ASSUMED).saturating_sub(DESCRIPTORS_RESERVED).max(1)
}

/// A quarter of the memory the process may use: its control group's limit, or the machine's.
pub(crate) fn receive_memory_max() -> usize {
    let group = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    let group = group.iter().filter_map(|path| fs::read_to_string(path).ok()?.trim().parse().ok()).min();
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| total_memory(&text));
    let memory: usize = [group, machine].into_iter().flatten().min().unwrap_or(MEMORY_ASSUMED);
    memory / 4
}

/// The soft limit of open files in the text of `/proc/self/limits`.
fn descriptor_limit(text: &str) -> Option<usize> {
    let line = text.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The machine's memory in the text of `/proc/meminfo`.
fn total_memory(text: &str) -> Option<usize> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kilobytes: usize = line.split_whitespace().next()?.parse().ok()?;
    kilobytes.checked_mul(1024)
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
        assert_eq!(total_memory("MemFree: 1 kB\nMemTotal:       64 kB\n"), Some(65_536));
        assert_eq!(total_memory("nothing"), None);
        assert!(connections_max() >= 1 && receive_memory_max() > 0);
    }
}
