//! What only the inside can show: a full disk, damaged files, reads that miss the cache.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ports::{Error, Retry};
use tempfile::TempDir;

use super::media::{Disk, Media, SegmentFile};
use super::*;

const SMALL: BusOptions = BusOptions { segment_bytes: 4096, max_backlog_bytes: 1 << 20, cache_bytes: 0 };

fn record(n: u64) -> Bytes {
    Bytes::from(format!("record {n} {}", "x".repeat(n as usize % 300)))
}

async fn publish_each(bus: &BusLog, offsets: std::ops::RangeInclusive<u64>) {
    for n in offsets {
        assert_eq!(bus.publish(Topic::Signals, vec![record(n)]).await.unwrap(), n);
    }
}

async fn check_holds(bus: &BusLog, offsets: std::ops::RangeInclusive<u64>, max_bytes: usize) {
    let mut next = *offsets.start();
    while next <= *offsets.end() {
        let items = bus.read(Topic::Signals, next - 1, max_bytes).await.unwrap();
        assert!(!items.is_empty(), "nothing at {next}");
        for (offset, bytes) in items {
            assert_eq!((offset, bytes), (next, record(next)));
            next += 1;
        }
    }
    assert_eq!(next, offsets.end() + 1);
}

fn segments(folder: &TempDir) -> Vec<PathBuf> {
    let mut files: Vec<_> =
        fs::read_dir(folder.path().join("bus/signals")).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    files
}

#[tokio::test]
async fn every_offset_can_be_read_from_disk() {
    let folder = tempfile::tempdir().unwrap();
    let bus = BusLog::open(folder.path(), SMALL).unwrap();
    publish_each(&bus, 1..=200).await;
    assert!(segments(&folder).len() > 5, "segments are rolled");

    for max_bytes in [0, 1000, usize::MAX] {
        check_holds(&bus, 1..=200, max_bytes).await;
    }
    for first in [200, 77, 1, 150] {
        check_holds(&bus, first..=200, 500).await;
    }
}

/// A disk with room for a number of bytes, shared by all its files.
#[derive(Clone)]
struct SmallDisk {
    room: Arc<AtomicU64>,
}

struct SmallFile {
    file: File,
    room: Arc<AtomicU64>,
}

impl Media for SmallDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn SegmentFile>> {
        drop(Disk.create(path)?);
        self.open(path)
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn SegmentFile>> {
        let file = OpenOptions::new().write(true).open(path)?;
        Ok(Box::new(SmallFile { file, room: Arc::clone(&self.room) }))
    }
}

impl SegmentFile for SmallFile {
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        let room = self.room.load(Ordering::Relaxed).min(bytes.len() as u64);
        self.room.fetch_sub(room, Ordering::Relaxed);
        self.file.write_all_at(&bytes[..room as usize], at)?;
        if room < bytes.len() as u64 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn cut(&self, length: u64) -> io::Result<()> {
        self.file.set_len(length)
    }
}

#[track_caller]
fn check_full(refused: Result<Offset>) {
    let error = refused.unwrap_err();
    assert!(
        matches!(error, Error::Failed { operation: "publish", retry: Retry::Temporary, .. }),
        "{error:?}"
    );
    assert_eq!(error.retry(), Retry::Temporary);
}

#[tokio::test]
async fn a_full_disk_refuses_and_recovers() {
    // Also where the disk is full exactly when the next segment begins.
    for room in [500, 700, 4096, 4200] {
        let folder = tempfile::tempdir().unwrap();
        let disk = SmallDisk { room: Arc::new(AtomicU64::new(room)) };
        let bus = BusLog::open_on(folder.path(), SMALL, || Box::new(disk.clone())).unwrap();
        let mut last = 0;
        loop {
            match bus.publish(Topic::Signals, vec![record(last + 1)]).await {
                Ok(offset) => last = offset,
                full => break check_full(full),
            }
        }
        check_full(bus.publish(Topic::Signals, vec![record(0), record(200)]).await);
        assert_eq!(*bus.watch(Topic::Signals).borrow(), last);
        check_holds(&bus, 1..=last, usize::MAX).await;

        disk.room.store(1 << 20, Ordering::Relaxed);
        publish_each(&bus, last + 1..=last + 50).await;
        check_holds(&bus, 1..=last + 50, usize::MAX).await;
        drop(bus);
        let bus = BusLog::open(folder.path(), SMALL).unwrap();
        check_holds(&bus, 1..=last + 50, usize::MAX).await;
    }
}

#[tokio::test]
async fn a_crash_on_a_full_disk_leaves_what_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let bus = BusLog::open(folder.path(), SMALL).unwrap();
    publish_each(&bus, 1..=5).await;
    drop(bus);
    // A write that was torn and not cut off: the first half of a frame, as the process left it.
    let newest = segments(&folder).pop().unwrap();
    let mut bytes = fs::read(&newest).unwrap();
    let torn = bytes[16..40].to_vec();
    bytes.extend(torn);
    fs::write(&newest, bytes).unwrap();

    let bus = BusLog::open(folder.path(), SMALL).unwrap();
    assert_eq!(*bus.watch(Topic::Signals).borrow(), 5);
    publish_each(&bus, 6..=9).await;
    check_holds(&bus, 1..=9, usize::MAX).await;
}

fn damage(path: &Path, byte: u64) {
    let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut found = [0];
    file.read_exact_at(&mut found, byte).unwrap();
    file.write_all_at(&[!found[0]], byte).unwrap();
}

#[tokio::test]
async fn damage_in_an_older_segment_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let bus = BusLog::open(folder.path(), SMALL).unwrap();
    publish_each(&bus, 1..=200).await;
    drop(bus);
    let oldest = segments(&folder).remove(0);
    damage(&oldest, 50);

    let bus = BusLog::open(folder.path(), SMALL).unwrap();
    // The damage is in the second record: the first is still given, then it is said.
    let items = bus.read(Topic::Signals, 0, usize::MAX).await.unwrap();
    assert_eq!(items.last().unwrap().0, 1);
    let error = bus.read(Topic::Signals, 1, usize::MAX).await.unwrap_err();
    let message = error.to_string();
    assert!(matches!(error, Error::Corrupt(_)), "{message}");
    assert!(message.contains(oldest.to_str().unwrap()) && message.contains("at byte 42"), "{message}");
}

#[tokio::test]
async fn damage_among_acknowledged_records_of_the_newest_segment_is_not_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let bus = BusLog::open(folder.path(), BusOptions::default()).unwrap();
    publish_each(&bus, 1..=100).await;
    drop(bus);
    let newest = segments(&folder).pop().unwrap();
    let length = fs::metadata(&newest).unwrap().len();
    damage(&newest, 50);

    let error = BusLog::open(folder.path(), BusOptions::default()).err().expect("refused");

    let message = error.to_string();
    assert!(matches!(error, OpenError::Corrupt { byte: 42, .. }), "{message}");
    assert!(message.contains(newest.to_str().unwrap()), "{message}");
    assert_eq!(fs::metadata(&newest).unwrap().len(), length, "nothing was removed");
}

#[tokio::test]
async fn a_record_that_looks_like_a_frame_is_not_taken_for_one() {
    let folder = tempfile::tempdir().unwrap();
    let bus = BusLog::open(folder.path(), SMALL).unwrap();
    publish_each(&bus, 1..=1).await;
    let mut forged = Vec::new();
    segment::push_frame(&mut forged, 0, 3, b"forged", true);
    bus.publish(Topic::Signals, vec![forged.into()]).await.unwrap();
    drop(bus);
    // The second record lost its head in a crash; its body is still there.
    damage(&segments(&folder)[0], 16 + 16 + record(1).len() as u64);

    let bus = BusLog::open(folder.path(), SMALL).unwrap();
    assert_eq!(*bus.watch(Topic::Signals).borrow(), 1);
}

#[tokio::test]
async fn a_segment_that_was_just_begun_may_be_anything() {
    for content in [&b""[..], b"HSBUS", &[0; 16]] {
        let folder = tempfile::tempdir().unwrap();
        let bus = BusLog::open(folder.path(), SMALL).unwrap();
        publish_each(&bus, 1..=3).await;
        drop(bus);
        fs::write(folder.path().join("bus/signals").join(segment::file_name(4)), content).unwrap();

        let bus = BusLog::open(folder.path(), SMALL).unwrap();
        publish_each(&bus, 4..=6).await;
        check_holds(&bus, 1..=6, usize::MAX).await;
    }
}

#[tokio::test]
async fn trimming_deletes_whole_segments_and_frees_the_backlog() {
    let folder = tempfile::tempdir().unwrap();
    let options = BusOptions { max_backlog_bytes: 64 << 10, ..SMALL };
    let bus = BusLog::open(folder.path(), options).unwrap();
    let mut last = 0;
    loop {
        match bus.publish(Topic::Signals, vec![record(last + 1)]).await {
            Ok(offset) => last = offset,
            Err(error) => break assert!(matches!(error, Error::Overloaded(_)), "{error}"),
        }
    }
    let before = segments(&folder).len();

    bus.trim(Topic::Signals, last / 2).await.unwrap();

    assert!(segments(&folder).len() <= before / 2 + 2);
    check_holds(&bus, last / 2 + 1..=last, usize::MAX).await;
    // What was trimmed is free again.
    publish_each(&bus, last + 1..=last + last / 6).await;
    bus.trim(Topic::Signals, u64::MAX).await.unwrap();
    assert_eq!(segments(&folder).len(), 1);
    publish_each(&bus, last + last / 6 + 1..=last + last / 6 + 9).await;
}
