//! What the process itself costs, as Linux's /proc tells it. Elsewhere these series are absent.

use prometheus::{CounterVec, IntGaugeVec};

use super::{NONE, define::Definer};

/// Clock ticks a second in /proc/self/stat: fixed in Linux's interface to programs.
const TICKS_PER_S: f64 = 100.0;

/// Gauges that are read anew at every scrape.
#[derive(Debug)]
pub(super) struct Process {
    resident: IntGaugeVec,
    resident_peak: IntGaugeVec,
    cpu: CounterVec,
    threads: IntGaugeVec,
    files: IntGaugeVec,
}

/// What /proc says.
#[derive(Debug, Default, PartialEq)]
struct Usage {
    resident_bytes: Option<i64>,
    resident_peak_bytes: Option<i64>,
    threads: Option<i64>,
    cpu_s: Option<f64>,
}

impl Process {
    pub(super) fn define(d: &mut Definer) -> Self {
        Self {
            resident: d.gauge("process_resident_memory_bytes", "Resident memory.", &[]),
            resident_peak: d.gauge(
                "process_resident_memory_peak_bytes",
                "Highest resident memory since the start.",
                &[],
            ),
            cpu: d.float_counter(
                "process_cpu_seconds_total",
                "Seconds of processor time used.",
                &[],
            ),
            threads: d.gauge("process_threads", "Threads.", &[]),
            files: d.gauge("process_open_fds", "Open file descriptors.", &[]),
        }
    }

    /// Reads /proc; what can't be read keeps its last value.
    pub(super) fn measure(&self) {
        let read = |name: &str| std::fs::read_to_string(format!("/proc/self/{name}"));
        let usage = usage(&read("status").unwrap_or_default(), &read("stat").unwrap_or_default());
        let set = |gauge: &IntGaugeVec, value: Option<i64>| {
            if let Some(value) = value {
                gauge.with_label_values(NONE).set(value);
            }
        };
        set(&self.resident, usage.resident_bytes);
        set(&self.resident_peak, usage.resident_peak_bytes);
        set(&self.threads, usage.threads);
        let files = std::fs::read_dir("/proc/self/fd").ok().map(Iterator::count);
        set(&self.files, files.and_then(|count| i64::try_from(count).ok()));
        if let Some(cpu_s) = usage.cpu_s {
            // A counter can't be set; the clock of the process never runs backwards.
            let cpu = self.cpu.with_label_values(NONE);
            cpu.inc_by((cpu_s - cpu.get()).max(0.0));
        }
    }
}

/// Takes the figures out of `/proc/self/status` and `/proc/self/stat`.
fn usage(status: &str, stat: &str) -> Usage {
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim_start_matches(':').split_whitespace().next()?.parse::<i64>().ok()
    };
    // The second field is the program's name in parentheses and may hold anything, so counting
    // starts behind its last parenthesis: state is the third field, utime the 14th.
    let ticks = |index: usize| -> Option<f64> {
        let (_, rest) = stat.rsplit_once(')')?;
        rest.split_whitespace().nth(index)?.parse().ok()
    };
    Usage {
        resident_bytes: field("VmRSS").map(|kib| kib * 1024),
        resident_peak_bytes: field("VmHWM").map(|kib| kib * 1024),
        threads: field("Threads"),
        cpu_s: ticks(11).zip(ticks(12)).map(|(user, system)| (user + system) / TICKS_PER_S),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_found_behind_a_name_with_parentheses_and_spaces() {
        let status = "Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\nThreads:\t7\n";
        let stat = "1 (a) b) S 0 1 1 0 -1 4 10 0 0 0 150 50 0 0 20 0 7 0 100 1 1";
        let expected = Usage {
            resident_bytes: Some(1_048_576),
            resident_peak_bytes: Some(2_097_152),
            threads: Some(7),
            cpu_s: Some(2.0),
        };
        assert_eq!(usage(status, stat), expected);
        assert_eq!(usage("", ""), Usage::default());
    }
}
