//! What `/proc` says of this machine: CPU, memory, load. Linux; elsewhere reading says `unsupported`.

use std::io;
use std::path::Path;

use async_trait::async_trait;
use model::{Labels, MetricKind, MetricSeries, Point, Signal, Timestamp};

use crate::process::unsupported;
use crate::supervise::{Context, Failure, Poll, Round};

/// The service that machine metrics belong to.
pub const SERVICE: &str = "host";

/// CPU time of all cores since boot, of `/proc/stat`, in clock ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CpuTimes {
    /// Working.
    pub busy: u64,
    /// Idle or waiting for I/O.
    pub idle: u64,
}

/// Reads the first line of `/proc/stat`.
#[must_use]
pub fn parse_cpu(text: &str) -> Option<CpuTimes> {
    let line = text.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let ticks: Vec<u64> = line.split_ascii_whitespace().map_while(|word| word.parse().ok()).collect();
    // user nice system idle iowait irq softirq steal; guest time is within user time already.
    let idle = ticks.get(3)?.checked_add(ticks.get(4).copied().unwrap_or(0))?;
    let total = ticks.iter().take(8).try_fold(0_u64, |sum, part| sum.checked_add(*part))?;
    Some(CpuTimes { busy: total - idle, idle })
}

/// Memory of the machine in bytes, of `/proc/meminfo`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// All of it.
    pub total_bytes: u64,
    /// What a program could still get.
    pub available_bytes: u64,
}

/// Reads `/proc/meminfo`.
#[must_use]
pub fn parse_memory(text: &str) -> Option<Memory> {
    let bytes = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim_start_matches(':').trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
    };
    Some(Memory { total_bytes: bytes("MemTotal")?, available_bytes: bytes("MemAvailable")? })
}

/// Reads the one-minute load of `/proc/loadavg`.
#[must_use]
pub fn parse_load1(text: &str) -> Option<f64> {
    text.split_ascii_whitespace().next()?.parse().ok().filter(|load: &f64| load.is_finite())
}

/// Whether this system has a `/proc` to read.
pub(crate) fn supported() -> io::Result<()> {
    if Path::new("/proc/self/stat").exists() {
        return Ok(());
    }
    let note = "unsupported: process and machine readings need Linux with /proc mounted";
    Err(io::Error::new(io::ErrorKind::Unsupported, note))
}

/// Reads the machine each round.
#[derive(Default)]
pub struct Machine {
    before: Option<CpuTimes>,
}

impl Machine {
    /// `host_cpu_ratio` (from the second reading on; 1 = all cores), `host_memory_used_bytes`,
    /// `host_memory_total_bytes` and `host_load1`.
    ///
    /// # Errors
    /// `Unsupported` on systems without `/proc`.
    pub fn read(&mut self, now: Timestamp) -> io::Result<Vec<MetricSeries>> {
        supported()?;
        let mut series = Vec::new();
        let mut write = |name: &str, value: f64| {
            series.push(MetricSeries {
                service: SERVICE.to_owned(),
                name: name.to_owned(),
                kind: MetricKind::Gauge,
                labels: Labels::new(),
                points: vec![Point { at: now, value }],
            });
        };
        let read = |file: &str| std::fs::read_to_string(Path::new("/proc").join(file));
        if let Some(cpu) = parse_cpu(&read("stat")?)
            && let Some(before) = self.before.replace(cpu)
        {
            let busy = cpu.busy.saturating_sub(before.busy) as f64;
            let all = busy + cpu.idle.saturating_sub(before.idle) as f64;
            if all > 0.0 {
                write("host_cpu_ratio", busy / all);
            }
        }
        if let Some(memory) = parse_memory(&read("meminfo")?) {
            let used = memory.total_bytes.saturating_sub(memory.available_bytes);
            write("host_memory_used_bytes", used as f64);
            write("host_memory_total_bytes", memory.total_bytes as f64);
        }
        if let Some(load) = parse_load1(&read("loadavg")?) {
            write("host_load1", load);
        }
        Ok(series)
    }
}

#[async_trait]
impl Poll for Machine {
    async fn poll(&mut self, context: &Context) -> Result<Round, Failure> {
        let series = self.read(context.now()).map_err(unsupported)?;
        context.deliver("machine", series.into_iter().map(Signal::Metric).collect()).await?;
        Ok(Round::Done)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_files_of_proc() {
        let stat = "cpu  10 1 20 300 40 2 3 4 5 6\ncpu0 1 1 1 1\n";
        assert_eq!(parse_cpu(stat), Some(CpuTimes { busy: 40, idle: 340 }));
        let meminfo = "MemTotal:       2048 kB\nMemFree: 1 kB\nMemAvailable:   1024 kB\n";
        assert_eq!(
            parse_memory(meminfo),
            Some(Memory { total_bytes: 2_097_152, available_bytes: 1_048_576 })
        );
        assert_eq!(parse_load1("0.52 0.58 0.59 1/100 123\n"), Some(0.52));
    }

    #[test]
    fn this_machine_has_memory() {
        let series = Machine::default().read(Timestamp::ZERO).unwrap();
        let total = series.iter().find(|s| s.name == "host_memory_total_bytes").unwrap();
        assert!(total.points[0].value > 1e7);
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in "(cpu |MemTotal:|MemAvailable:|[0-9]{1,20}|kB|\\PC| |\n){0,30}") {
            let _ = (parse_cpu(&text), parse_memory(&text), parse_load1(&text));
        }
    }
}
