//! Instruction counts: the driver runs itself under callgrind, and tells it where a count begins and ends.

use std::{collections::HashMap, env, fs, path::Path, process::Command};

/// Counts the instructions of `work` under `name`; outside of callgrind it only runs.
pub(crate) fn measure(name: &str, work: impl FnOnce()) {
    const ZERO_STATS: usize = 0x4354_0001;
    const DUMP_STATS_AT: usize = 0x4354_0003;
    let name = format!("{name}\0");
    request(ZERO_STATS, 0);
    work();
    request(DUMP_STATS_AT, name.as_ptr() as usize);
}

/// Runs this program with `args` under callgrind; gives the instructions of each name, or why there are none.
pub(crate) fn run(args: &[&str]) -> Result<HashMap<String, f64>, String> {
    let program = env::current_exe().map_err(|error| format!("can't find this program: {error}"))?;
    let directory = env::temp_dir().join(format!("peers-callgrind-{}", std::process::id()));
    fs::create_dir_all(&directory).map_err(|error| format!("can't make {}: {error}", directory.display()))?;
    let out = directory.join("out");
    let status = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet", "--error-exitcode=0"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(program)
        .args(args)
        .status();
    let counts = match status {
        Ok(status) if status.success() => read(&directory),
        Ok(status) => Err(format!("valgrind: {status}")),
        Err(error) => Err(format!("valgrind can't be run: {error}")),
    };
    // What is left behind in the temporary directory is no reason to fail.
    let _ = fs::remove_dir_all(&directory);
    counts
}

/// The named dumps in a directory.
fn read(directory: &Path) -> Result<HashMap<String, f64>, String> {
    const TRIGGER: &str = "desc: Trigger: Client Request: ";
    let entries = fs::read_dir(directory).map_err(|error| error.to_string())?;
    let mut counts = HashMap::new();
    for entry in entries {
        let text = fs::read_to_string(entry.map_err(|error| error.to_string())?.path())
            .map_err(|error| error.to_string())?;
        let name = text.lines().find_map(|line| line.strip_prefix(TRIGGER));
        let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
        if let (Some(name), Some(total)) = (name, total.and_then(|total| total.trim().parse::<f64>().ok())) {
            counts.insert(name.to_owned(), total);
        }
    }
    Ok(counts)
}

#[cfg(target_arch = "x86_64")]
fn request(code: usize, argument: usize) {
    let arguments: [usize; 6] = [code, argument, 0, 0, 0, 0];
    // SAFETY: outside of valgrind these instructions rotate a register by 128 bits in all and swap one with itself;
    // inside they pass on `arguments`, which live until then.
    unsafe {
        std::arch::asm!(
            "rol rdi, 3",
            "rol rdi, 13",
            "rol rdi, 61",
            "rol rdi, 51",
            "xchg rbx, rbx",
            inout("rdx") 0usize => _,
            in("rax") arguments.as_ptr(),
        );
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn request(_: usize, _: usize) {}
