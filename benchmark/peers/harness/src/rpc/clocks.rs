//! Time and processor time of the two processes that are measured, and of the whole machine.

use std::{
    fs, io, mem,
    time::{Duration, Instant},
};

/// All clocks at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Clocks {
    /// The moment.
    pub at: Instant,
    /// Processor time of this process.
    pub client: Duration,
    /// Processor time of the server's process.
    pub server: Duration,
    /// Processor time that all processes used, in steps of 10 ms.
    pub machine: Duration,
}

impl Clocks {
    /// Reads all clocks.
    ///
    /// # Errors
    /// When the server's process is gone.
    pub fn read(server: u32) -> io::Result<Clocks> {
        Ok(Clocks {
            at: Instant::now(),
            client: process_time(std::process::id())?,
            server: process_time(server)?,
            machine: machine_time()?,
        })
    }
}

/// Keeps this process, and threads it starts from now on, on one processor.
///
/// # Errors
/// When there is no such processor.
pub fn pin(processor: usize) -> io::Result<()> {
    // SAFETY: an empty set is all zeros.
    let mut set: libc::cpu_set_t = unsafe { mem::zeroed() };
    if processor >= libc::CPU_SETSIZE as usize {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: the processor's number is within the set.
    unsafe { libc::CPU_SET(processor, &mut set) };
    // SAFETY: the set lives through the call, and its size is right.
    match unsafe { libc::sched_setaffinity(0, size_of_val(&set), &set) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn process_time(process: u32) -> io::Result<Duration> {
    let mut clock = 0;
    // SAFETY: `clock` lives through the call.
    let found = unsafe { libc::clock_getcpuclockid(process.cast_signed(), &mut clock) };
    if found != 0 {
        return Err(io::Error::from_raw_os_error(found));
    }
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` lives through the call.
    match unsafe { libc::clock_gettime(clock, &mut time) } {
        0 => Ok(Duration::new(time.tv_sec.cast_unsigned(), time.tv_nsec as u32)),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Everything but idle and waiting, from the first line of `/proc/stat`.
fn machine_time() -> io::Result<Duration> {
    const TICKS_PER_SECOND: f64 = 100.0;
    const IDLE: [usize; 2] = [3, 4];
    let text = fs::read_to_string("/proc/stat")?;
    let line = text.lines().next().unwrap_or_default();
    // The last two repeat what the first two hold.
    let ticks = line.split_whitespace().skip(1).take(8).enumerate();
    let busy = ticks.filter(|(at, _)| !IDLE.contains(at)).filter_map(|(_, ticks)| ticks.parse::<u64>().ok());
    Ok(Duration::from_secs_f64(busy.sum::<u64>() as f64 / TICKS_PER_SECOND))
}
