//! What `/proc` says of processes: CPU, resident memory, open files. Linux; elsewhere reading says
//! `unsupported`. Formats: proc(5).

use std::collections::HashMap;
use std::io;

use async_trait::async_trait;
use model::{Labels, MetricKind, MetricSeries, Point, Signal, Timestamp};
use ports::Retry;

use crate::supervise::{Context, Failure, Poll, Round};

/// CPU time and age of a process, of `/proc/<pid>/stat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessStat {
    /// CPU time used, user and system, in clock ticks.
    pub cpu_ticks: u64,
    /// When it was started, in clock ticks since boot: tells a process from a later one with its id.
    pub started_ticks: u64,
}

/// Reads `/proc/<pid>/stat`. The name of the process, in parentheses, may hold anything.
#[must_use]
pub fn parse_stat(text: &str) -> Option<ProcessStat> {
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    // Fields 14, 15 and 22 of proc(5); the first after the name is field 3.
    let ticks = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    Some(ProcessStat { cpu_ticks: ticks(14)?.checked_add(ticks(15)?)?, started_ticks: ticks(22)? })
}

/// Reads `VmRSS` of `/proc/<pid>/status`, in bytes. Kernel threads and zombies have none.
#[must_use]
pub fn parse_resident_bytes(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// Clock ticks a second, of `/proc/self/auxv` (AT_CLKTCK); 100 when it does not say.
#[must_use]
pub fn ticks_per_s() -> f64 {
    const AT_CLKTCK: usize = 17;
    let word = |bytes: &[u8]| bytes.try_into().map(usize::from_ne_bytes).unwrap_or_default();
    let auxv = std::fs::read("/proc/self/auxv").unwrap_or_default();
    let size = size_of::<usize>();
    let found = auxv.chunks_exact(2 * size).find(|pair| word(&pair[..size]) == AT_CLKTCK);
    found.map(|pair| word(&pair[size..])).filter(|ticks| *ticks > 0).map_or(100.0, |ticks| ticks as f64)
}

/// A process to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessTarget {
    /// The service it belongs to.
    pub service: String,
    /// The instance.
    pub instance: String,
    /// Its process id.
    pub pid: u32,
}

/// Reads processes again and again; CPU use is the difference between two readings.
pub struct ProcessReader {
    ticks_per_s: f64,
    before: HashMap<u32, (ProcessStat, Timestamp)>,
}

impl Default for ProcessReader {
    fn default() -> Self {
        Self { ticks_per_s: ticks_per_s(), before: HashMap::new() }
    }
}

impl ProcessReader {
    /// `process_cpu_ratio` (from the second reading on), `process_resident_memory_bytes` and
    /// `process_open_files` of each process that still runs. What may not be read is left out.
    ///
    /// # Errors
    /// `Unsupported` on systems without `/proc`.
    pub fn read(&mut self, targets: &[ProcessTarget], now: Timestamp) -> io::Result<Vec<MetricSeries>> {
        crate::machine::supported()?;
        let mut series = Vec::new();
        let mut readings = HashMap::new();
        for target in targets {
            let read = |file: &str| std::fs::read_to_string(format!("/proc/{}/{file}", target.pid));
            let Some(stat) = read("stat").ok().as_deref().and_then(parse_stat) else { continue };
            let mut write = |name: &str, value: f64| {
                series.push(MetricSeries {
                    service: target.service.clone(),
                    name: name.to_owned(),
                    kind: MetricKind::Gauge,
                    labels: Labels::from([("instance".to_owned(), target.instance.clone())]),
                    points: vec![Point { at: now, value }],
                });
            };
            if let Some((before, at)) = self.before.get(&target.pid)
                && before.started_ticks == stat.started_ticks
                && now > *at
            {
                let used = stat.cpu_ticks.saturating_sub(before.cpu_ticks) as f64 / self.ticks_per_s;
                write("process_cpu_ratio", used / (now.since_ms(*at) as f64 / 1_000.0));
            }
            if let Some(bytes) = read("status").ok().as_deref().and_then(parse_resident_bytes) {
                write("process_resident_memory_bytes", bytes as f64);
            }
            if let Ok(files) = std::fs::read_dir(format!("/proc/{}/fd", target.pid)) {
                write("process_open_files", files.count() as f64);
            }
            readings.insert(target.pid, (stat, now));
        }
        self.before = readings;
        Ok(series)
    }
}

/// Reads given processes each round.
#[derive(Default)]
pub struct Processes {
    reader: ProcessReader,
    targets: Vec<ProcessTarget>,
}

impl Processes {
    /// Reads these processes.
    #[must_use]
    pub fn new(targets: Vec<ProcessTarget>) -> Self {
        Self { reader: ProcessReader::default(), targets }
    }
}

#[async_trait]
impl Poll for Processes {
    async fn poll(&mut self, context: &Context) -> Result<Round, Failure> {
        let series = self.reader.read(&self.targets, context.now()).map_err(unsupported)?;
        context.deliver("process", series.into_iter().map(Signal::Metric).collect()).await?;
        Ok(Round::Done)
    }
}

pub(crate) fn unsupported(error: io::Error) -> Failure {
    let retry = if error.kind() == io::ErrorKind::Unsupported { Retry::Permanent } else { Retry::Temporary };
    Failure::new(retry, error.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_stat_line_with_a_hostile_name() {
        let text = "4217 (a) S 1) (b) R 1 4217 4217 0 -1 4194304 99 0 0 0 250 50 0 0 20 0 8 0 123456 1 2";
        assert_eq!(parse_stat(text), Some(ProcessStat { cpu_ticks: 300, started_ticks: 123_456 }));
        assert_eq!(parse_stat("4217 (cut) R 1"), None);
        assert_eq!(parse_resident_bytes("Name:\tx\nVmRSS:\t    2048 kB\n"), Some(2_097_152));
        assert_eq!(parse_resident_bytes("Name:\tkthreadd\n"), None);
    }

    #[test]
    fn this_process_is_read_and_a_spinning_one_uses_cpu() {
        let target =
            ProcessTarget { service: "me".to_owned(), instance: "me-1".to_owned(), pid: std::process::id() };
        let mut reader = ProcessReader::default();
        let now = Timestamp::from_unix_ms(1_000);
        let first = reader.read(std::slice::from_ref(&target), now).unwrap();
        assert!(first.iter().any(|s| s.name == "process_resident_memory_bytes" && s.points[0].value > 1e5));
        // Ten ticks of work, however long a busy machine takes to give them.
        let stat = || parse_stat(&std::fs::read_to_string("/proc/self/stat").unwrap()).unwrap();
        let goal = stat().cpu_ticks + 10;
        while stat().cpu_ticks < goal {}
        let second = reader.read(&[target], now.plus_ms(1_000)).unwrap();
        let cpu = second.iter().find(|s| s.name == "process_cpu_ratio").unwrap().points[0].value;
        assert!(cpu >= 10.0 / reader.ticks_per_s, "{cpu}");
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in "\\PC{0,80}") {
            let _ = (parse_stat(&text), parse_resident_bytes(&text));
        }
    }
}
