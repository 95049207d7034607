//! The faults that live in a process: real work done wrong, switched on from outside.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::app::App;
use super::line;

/// Whether something is switched on.
#[derive(Default)]
pub(super) struct Switch(AtomicBool);

impl Switch {
    pub(super) fn is_on(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Gives what it was before.
    fn turn(&self, on: bool) -> bool {
        self.0.swap(on, Ordering::Relaxed)
    }
}

/// Every fault a process can have.
#[derive(Default)]
pub(super) struct Switches {
    pub hang: Switch,
    pub memory_leak: Switch,
    pub cpu_spin: Switch,
    pub slow: Switch,
    pub log_flood: Switch,
}

/// Bytes leaked, ten times a second.
const LEAK_STEP: usize = 1_258_291;

/// Bytes of junk written, ten times a second.
const JUNK_STEP: usize = 629_146;

/// The folder in the expendable cache that a runaway export fills.
pub(super) const EXPORT: &str = "cache/export";

impl Switches {
    pub(super) fn find(&self, name: &str) -> Option<&Switch> {
        Some(match name {
            "hang" => &self.hang,
            "memory-leak" => &self.memory_leak,
            "cpu-spin" => &self.cpu_spin,
            "slow-dependency" => &self.slow,
            "log-flood" => &self.log_flood,
            _ => return None,
        })
    }
}

/// Switches a fault on or off; gives false when there is no such fault.
pub(super) fn turn(app: &Arc<App>, name: &str, on: bool) -> bool {
    if name == "disk-full" {
        if on {
            start_disk_fill(app);
        } else {
            let _ = fs::remove_dir_all(app.data.join(EXPORT));
        }
        return true;
    }
    let Some(switch) = app.switches.find(name) else { return false };
    if switch.turn(on) || !on {
        return true;
    }
    let spawn = |work: fn(Arc<App>)| {
        let app = Arc::clone(app);
        thread::spawn(move || work(app));
    };
    match name {
        "memory-leak" => spawn(leak),
        "cpu-spin" => (0..2).for_each(|_| spawn(spin)),
        "log-flood" => spawn(flood),
        _ => {}
    }
    true
}

/// A product image cache that never evicts.
fn leak(app: Arc<App>) {
    let mut held: Vec<Vec<u8>> = Vec::new();
    let mut rounds = 0_u64;
    while app.switches.memory_leak.is_on() {
        held.push(vec![1; LEAK_STEP]);
        rounds += 1;
        if rounds.is_multiple_of(20) {
            line::warn(
                &app,
                &format!("image cache holds {} entries, eviction found nothing to free", held.len() * 64),
                None,
            );
        }
        thread::sleep(Duration::from_millis(100));
    }
}

/// A regular expression that backtracks for ever.
fn spin(app: Arc<App>) {
    let mut value = 1_u64;
    while app.switches.cpu_spin.is_on() {
        for _ in 0..100_000 {
            value = std::hint::black_box(value.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
        }
    }
}

/// Debug logging left on.
fn flood(app: Arc<App>) {
    while app.switches.log_flood.is_on() {
        for _ in 0..40 {
            let (id, state) = (app.random.between(10_000, 99_999), app.random.between(0, 7));
            line::debug(
                &app,
                &format!("acquirer session {id} heartbeat state {state} window {}", id % 97),
                None,
            );
        }
        thread::sleep(Duration::from_millis(20));
    }
}

fn start_disk_fill(app: &Arc<App>) {
    if fs::create_dir_all(app.data.join(EXPORT)).is_ok() {
        let app = Arc::clone(app);
        thread::spawn(move || fill(&app));
    }
}

/// An export that was under way when the process ended goes on: a restart does not cure it.
pub(super) fn resume_disk_fill(app: &Arc<App>) {
    if app.data.join(EXPORT).is_dir() {
        start_disk_fill(app);
    }
}

/// An export that writes until the quota is full, or until its folder is taken away.
fn fill(app: &App) {
    let folder = app.data.join(EXPORT);
    let first = fs::read_dir(&folder).map_or(0, Iterator::count);
    for part in first.. {
        let free = app.data_limit_bytes.saturating_sub(size_of(&app.data));
        let bytes = usize::try_from(free).unwrap_or(usize::MAX).min(JUNK_STEP);
        if bytes == 0 {
            line::error(
                app,
                &format!("catalog export stopped after part {part}: no space left in the data folder"),
                None,
            );
            return;
        }
        let written = File::create(folder.join(format!("part-{part:05}.bin")))
            .and_then(|mut f| f.write_all(&vec![b'x'; bytes]));
        if written.is_err() {
            line::warn(app, &format!("catalog export ended at part {part}: its folder is gone"), None);
            return;
        }
        thread::sleep(Duration::from_millis(100));
    }
}

/// Bytes of the files below a folder.
pub(super) fn size_of(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|e| Some((e.path(), e.metadata().ok()?)))
        .map(|(path, meta)| if meta.is_dir() { size_of(&path) } else { meta.len() })
        .sum()
}
