//! Parsers of `/proc` texts (proc(5)). Pure: text in, numbers out; a text they do not understand is `None`.

/// Clock ticks in a second. Linux has told user space 100 on every architecture since 2.6 (USER_HZ).
pub(crate) const TICKS_PER_S: f64 = 100.0;

/// What `/proc/<pid>/stat` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProcessStat {
    /// User and system time used, in clock ticks.
    pub cpu_ticks: u64,
    /// Start of the process in clock ticks since boot; with the pid it names one process for good.
    pub start_ticks: u64,
}

/// Reads `/proc/<pid>/stat`. The program name may hold spaces and brackets: fields count from its last one.
pub(crate) fn process_stat(text: &str) -> Option<ProcessStat> {
    let mut fields = text.get(text.rfind(')')? + 1..)?.split_ascii_whitespace();
    let user: u64 = fields.nth(11)?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    let start_ticks = fields.nth(6)?.parse().ok()?;
    Some(ProcessStat { cpu_ticks: user.checked_add(system)?, start_ticks })
}

/// Resident memory in bytes from `/proc/<pid>/status`.
pub(crate) fn resident_bytes(status: &str) -> Option<u64> {
    kilobytes(status, "VmRSS:")
}

/// Machine CPU time since boot, in clock ticks over all cores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HostCpu {
    /// Spent working.
    pub busy_ticks: u64,
    /// Spent at all.
    pub total_ticks: u64,
}

/// Reads the first line of `/proc/stat`.
pub(crate) fn host_cpu(stat: &str) -> Option<HostCpu> {
    let mut fields = stat.lines().next()?.strip_prefix("cpu ")?.split_ascii_whitespace();
    // user nice system idle iowait irq softirq steal; guest time is inside user already.
    let mut ticks = [0_u64; 8];
    for slot in &mut ticks {
        *slot = fields.next()?.parse().ok()?;
    }
    let total = ticks.iter().try_fold(0_u64, |sum, t| sum.checked_add(*t))?;
    Some(HostCpu { busy_ticks: total - ticks[3] - ticks[4], total_ticks: total })
}

/// Memory of the machine, in bytes: (used, total). Used is what is not available to new programs.
pub(crate) fn host_memory(meminfo: &str) -> Option<(u64, u64)> {
    let total = kilobytes(meminfo, "MemTotal:")?;
    Some((total.saturating_sub(kilobytes(meminfo, "MemAvailable:")?), total))
}

/// Load average over one minute from `/proc/loadavg`.
pub(crate) fn load1(loadavg: &str) -> Option<f64> {
    loadavg.split_ascii_whitespace().next()?.parse().ok().filter(|v: &f64| v.is_finite())
}

fn kilobytes(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|l| l.strip_prefix(key))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_hostile_program_name_does_not_shift_the_fields() {
        let text =
            "4711 (a ) S 1 (x) R 1 4711 4711 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 3 0 987654 1000 20";
        assert_eq!(process_stat(text), Some(ProcessStat { cpu_ticks: 300, start_ticks: 987_654 }));
    }

    #[test]
    fn real_texts_are_understood() {
        assert_eq!(resident_bytes("Name:\tx\nVmRSS:\t    2048 kB\nThreads:\t1\n"), Some(2 * 1024 * 1024));
        assert_eq!(resident_bytes("Name:\tkthreadd\n"), None);
        assert_eq!(
            host_cpu("cpu  10 0 20 60 10 0 0 0 0 0\ncpu0 1 1 1 1\n"),
            Some(HostCpu { busy_ticks: 30, total_ticks: 100 })
        );
        assert_eq!(
            host_memory("MemTotal: 100 kB\nMemFree: 1 kB\nMemAvailable: 60 kB\n"),
            Some((40 * 1024, 100 * 1024))
        );
        assert_eq!(load1("0.52 0.40 0.30 1/123 4711\n"), Some(0.52));
        let own = std::fs::read_to_string("/proc/self/stat").unwrap();
        assert!(process_stat(&own).unwrap().start_ticks > 0);
    }

    proptest! {
        #[test]
        fn no_text_is_fatal(text in ".{0,200}") {
            let _ = (process_stat(&text), resident_bytes(&text), host_cpu(&text), host_memory(&text), load1(&text));
            let numbers = format!("cpu {text}");
            let _ = host_cpu(&numbers);
        }
    }
}
