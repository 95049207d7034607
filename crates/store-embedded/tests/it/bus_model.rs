//! The bus against a model in memory: any sequence of publishing, trimming, reopening and torn writes.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use ports::{Bus, Topic};
use proptest::prelude::*;
use store_embedded::{BusLog, BusOptions};

/// Adds bytes to the newest segment, as a write that a crash interrupted does.
pub(crate) fn add_to_newest(bus: &Path, bytes: &[u8]) {
    OpenOptions::new().append(true).open(newest(bus)).unwrap().write_all(bytes).unwrap();
}

/// The start of a real frame, zeros, or noise, of some length.
pub(crate) fn leftover(bus: &Path, way: usize) -> Vec<u8> {
    match way % 3 {
        0 => fs::read(newest(bus)).unwrap().into_iter().skip(16).take(way).collect(),
        1 => vec![0; way * 7],
        _ => (0..way * 5).map(|n| (n * n * 31 + way * 17) as u8).collect(),
    }
}

fn newest(bus: &Path) -> PathBuf {
    fs::read_dir(bus).unwrap().map(|e| e.unwrap().path()).max().expect("a bus always has a segment")
}

#[derive(Clone, Debug)]
enum Step {
    Publish(Vec<usize>),
    Trim(u64),
    Reopen,
    /// Reopened with a leftover of an interrupted write.
    Torn(usize),
    /// One more record is published, and its last bytes do not reach the disk.
    Lost(usize),
    Read(u64, usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => proptest::collection::vec(0..300_usize, 1..5).prop_map(Step::Publish),
        2 => (0..120_u64).prop_map(Step::Trim),
        1 => Just(Step::Reopen),
        1 => (0..60_usize).prop_map(Step::Torn),
        1 => (1..60_usize).prop_map(Step::Lost),
        6 => (0..120_u64, 0..2000_usize).prop_map(|(after, bytes)| Step::Read(after, bytes)),
    ]
}

fn record(offset: usize, length: usize) -> Bytes {
    let mut bytes = offset.to_le_bytes().to_vec();
    bytes.resize(8 + length, offset as u8);
    bytes.into()
}

struct World {
    folder: tempfile::TempDir,
    options: BusOptions,
    bus: Option<BusLog>,
    /// Every record ever acknowledged, trimmed ones included.
    model: Vec<Bytes>,
    trimmed: u64,
}

impl World {
    fn bus(&self) -> &BusLog {
        self.bus.as_ref().expect("open between steps")
    }

    /// Closes the bus, does something to its files, and opens it again.
    fn reopen(&mut self, meanwhile: impl FnOnce(&Path)) {
        self.bus = None;
        meanwhile(&self.folder.path().join("bus/signals"));
        self.bus = Some(BusLog::open(self.folder.path(), self.options).unwrap());
        assert_eq!(*self.bus().watch(Topic::Signals).borrow(), self.model.len() as u64);
    }

    async fn publish(&mut self, lengths: &[usize]) {
        let first = self.model.len() + 1;
        let records: Vec<_> =
            lengths.iter().enumerate().map(|(n, length)| record(first + n, *length)).collect();
        self.model.extend(records.iter().cloned());
        let last = self.bus().publish(Topic::Signals, records).await.unwrap();
        assert_eq!(last, self.model.len() as u64);
    }

    async fn step(&mut self, step: Step) {
        match step {
            Step::Publish(lengths) => self.publish(&lengths).await,
            Step::Trim(up_to) => {
                self.bus().trim(Topic::Signals, up_to).await.unwrap();
                self.trimmed = self.trimmed.max(up_to.min(self.model.len() as u64));
            }
            Step::Reopen => self.reopen(|_| {}),
            Step::Torn(way) => self.reopen(|bus| add_to_newest(bus, &leftover(bus, way))),
            Step::Lost(bytes) => {
                self.publish(&[80]).await;
                self.model.pop();
                self.trimmed = self.trimmed.min(self.model.len() as u64);
                self.reopen(|bus| {
                    let file = OpenOptions::new().write(true).open(newest(bus)).unwrap();
                    file.set_len(file.metadata().unwrap().len() - bytes as u64).unwrap();
                });
            }
            Step::Read(after, max_bytes) => self.check_read(after, max_bytes).await,
        }
    }

    async fn check_read(&self, after: u64, max_bytes: usize) {
        let newest = self.model.len() as u64;
        let items = self.bus().read(Topic::Signals, after, max_bytes).await.unwrap();
        if after.max(self.trimmed) < newest {
            assert!(!items.is_empty(), "nothing after {after} of {newest}");
            assert!(items[0].0 <= after.max(self.trimmed) + 1, "skipped more than was trimmed");
        }
        let before_last: usize = items.iter().rev().skip(1).map(|(_, bytes)| bytes.len()).sum();
        assert!(before_last == 0 || before_last < max_bytes.max(1), "far more than asked for");
        for (expect, (offset, bytes)) in (items.first().map_or(0, |i| i.0)..).zip(&items) {
            assert_eq!(*offset, expect);
            assert!(*offset > after);
            assert_eq!(bytes, &self.model[*offset as usize - 1]);
        }
    }
}

async fn check(steps: Vec<Step>, cache_bytes: usize) {
    let folder = tempfile::tempdir().unwrap();
    let options = BusOptions { segment_bytes: 1500, cache_bytes, ..BusOptions::default() };
    let bus = Some(BusLog::open(folder.path(), options).unwrap());
    let mut world = World { folder, options, bus, model: Vec::new(), trimmed: 0 };
    for step in steps {
        world.step(step).await;
    }
    world.reopen(|_| {});
    for after in 0..world.model.len() as u64 + 2 {
        world.check_read(after, 500).await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_steps_matches_the_model(
        steps in proptest::collection::vec(step(), 1..60),
        cache_bytes in prop_oneof![Just(0), 0..2000_usize, Just(1 << 20)],
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(check(steps, cache_bytes));
    }
}
