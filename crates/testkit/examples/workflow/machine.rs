//! What this machine says of itself, and processes of this program.

use std::io::{Seek, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Map, Value};

use crate::Failed;

/// The file system under a folder. One in memory would make every sync free.
pub(crate) fn disk_of(folder: &Path) -> Result<String, Failed> {
    let folder = folder.canonicalize()?;
    let mounts = std::fs::read_to_string("/proc/self/mounts")?;
    let kind = mounts
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ').skip(1);
            Some((words.next()?, words.next()?))
        })
        .filter(|(place, _)| folder.starts_with(place))
        .max_by_key(|(place, _)| place.len())
        .map(|(_, kind)| kind.to_owned())
        .unwrap_or_default();
    if ["tmpfs", "ramfs"].contains(&kind.as_str()) {
        let folder = folder.display();
        return Err(format!("{folder} is in memory: set TMPDIR to a folder on a disk").into());
    }
    Ok(kind)
}

/// How long one sync of a small write takes on the disk of this folder, in milliseconds, the middle and the 99th
/// percentile: what a durable step that is alone cannot be faster than.
pub(crate) fn sync_ms(folder: &Path) -> Result<(f64, f64), Failed> {
    let mut file = std::fs::File::create(folder.join("sync"))?;
    let mut times = Vec::new();
    for _ in 0..1_000 {
        let began = Instant::now();
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        times.push(began.elapsed().as_secs_f64() * 1e3);
    }
    Ok((median(&mut times), share(&mut times, 0.99)))
}

/// Syncs a small write now and then beside a measurement, so that a stall of the disk is known as one.
pub(crate) struct Probe {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<std::io::Result<Vec<f64>>>,
}

impl Probe {
    /// Often enough to meet a stall, seldom enough to take nothing from what is measured.
    const EVERY: Duration = Duration::from_millis(20);

    /// Begins.
    pub(crate) fn start(folder: &Path) -> Result<Self, Failed> {
        let mut file = std::fs::File::create(folder.join("probe"))?;
        let stop = Arc::new(AtomicBool::new(false));
        let thread = std::thread::spawn({
            let stop = Arc::clone(&stop);
            move || {
                let mut times = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let began = Instant::now();
                    file.rewind()?;
                    file.write_all(&[7; 4096])?;
                    file.sync_data()?;
                    times.push(began.elapsed().as_secs_f64() * 1e3);
                    std::thread::sleep(Self::EVERY);
                }
                Ok(times)
            }
        });
        Ok(Self { stop, thread })
    }

    /// Ends; gives how long each sync took, in milliseconds.
    pub(crate) fn stop(self) -> Result<Vec<f64>, Failed> {
        self.stop.store(true, Ordering::Relaxed);
        Ok(self.thread.join().map_err(|_| "the probe of the disk panicked")??)
    }
}

/// Waits until the disk has what others wrote before: it would be written while we measure.
pub(crate) fn settle_disk() -> Result<(), Failed> {
    let ended = Command::new("sync").status()?;
    if ended.success() { Ok(()) } else { Err(format!("`sync` ended with {ended}").into()) }
}

/// The value below which this share of all lies; the last for 1.
pub(crate) fn share(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = (values.len().saturating_sub(1) as f64 * share).round() as usize;
    values.get(at).copied().unwrap_or_default()
}

/// The middle value.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let (low, high) = (values.len().saturating_sub(1) / 2, values.len() / 2);
    values.get(low).zip(values.get(high)).map_or(0.0, |(low, high)| f64::midpoint(*low, *high))
}

/// This program, for one part of the measurement.
pub(crate) fn own(part: &str, folder: &Path) -> Result<Command, Failed> {
    std::fs::create_dir_all(folder)?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--part", part]).arg(folder).stdin(Stdio::null());
    Ok(command)
}

/// Measures a part in a process of its own; gives what it printed.
pub(crate) fn part(part: &str, folder: &Path) -> Result<Map<String, Value>, Failed> {
    let ended = own(part, folder)?.stderr(Stdio::inherit()).output()?;
    let text = String::from_utf8(ended.stdout)?;
    if !ended.status.success() {
        return Err(format!("the part {part} ended with {}", ended.status).into());
    }
    Ok(serde_json::from_str(text.lines().last().unwrap_or_default())?)
}

/// Memory of this process that is in use now, in bytes.
pub(crate) fn resident_bytes() -> Result<f64, Failed> {
    status_bytes("VmRSS:")
}

/// The most it ever was.
pub(crate) fn peak_bytes() -> Result<f64, Failed> {
    status_bytes("VmHWM:")
}

fn status_bytes(name: &str) -> Result<f64, Failed> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)).ok_or("the kernel does not say")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? * 1024.0)
}

/// Processor time of this process so far.
pub(crate) fn processor() -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let of = |task: std::fs::DirEntry| {
        let text = std::fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
        text.split(' ').next().and_then(|n| n.parse::<u64>().ok()).unwrap_or_default()
    };
    Duration::from_nanos(tasks.map(of).sum())
}
