//! What a process takes of the machine, by `/proc`.

use std::{fs, time::Duration};

/// Resident memory, in bytes.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    /// Now.
    pub now: u64,
    /// The most that it was.
    pub most: u64,
}

/// The memory of a process that runs.
pub fn memory(pid: u32) -> Memory {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let bytes = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("a line");
        let kib: u64 = line.trim().trim_end_matches(" kB").trim().parse().expect("a number");
        kib << 10
    };
    Memory { now: bytes("VmRSS:"), most: bytes("VmHWM:") }
}

/// Processor time of a process and of its children that have ended, in steps of 10 ms.
pub fn cpu(pid: u32) -> Duration {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    let (_, fields) = text.rsplit_once(") ").expect("the name is in brackets");
    // proc(5): utime, stime, cutime and cstime are the 14th to 17th field, the state is the 3rd.
    let ticks = fields.split(' ').skip(11).take(4).map(str::parse::<u64>);
    // A tick is a hundredth of a second on every Linux of today.
    Duration::from_millis(10 * ticks.map(|ticks| ticks.expect("a number")).sum::<u64>())
}
