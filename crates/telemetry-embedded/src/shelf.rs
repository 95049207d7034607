//! The life of heads and blocks: append, flush, merge, expire. The same for series and logs.
//!
//! Four locks, always taken in this order: `flushing` (one flush at a time), `merging`, `manifest` (one change
//! of the folder at a time), `live` (what queries see; held for moments, never over I/O).

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use ports::{Error, Result, Retry};
use tokio::sync::Semaphore;

use crate::block::{Block, Shape};
use crate::compaction::{self, Limits};
use crate::disk::{self, BlockWriter, Disk};
use crate::manifest::{self, Manifest};

/// Queries that run at once; the others wait.
const QUERIES: usize = 4;

/// How long a query waits for its turn.
const QUERY_PATIENCE: Duration = Duration::from_secs(10);

/// What is kept: samples of series or records of logs.
pub(crate) trait Kind: Send + Sync + Sized + 'static {
    /// `series` or `logs`.
    const NAME: &'static str;
    /// What is known across heads and blocks.
    type Index: Default + Send + Sync;
    /// What is in memory only.
    type Head: Default + Send + Sync;
    /// The index of one block.
    type Footer: Send + Sync;

    /// Bytes of memory in a head, about.
    fn size(head: &Self::Head) -> usize;

    fn is_empty(head: &Self::Head) -> bool;

    /// Reads a footer.
    fn load(index: &mut Self::Index, footer: &[u8]) -> std::result::Result<Self::Footer, String>;

    /// Writes a head that is not empty.
    fn write(head: &Self::Head, out: &mut BlockWriter<'_>) -> Result<Content<Self::Footer>>;

    /// Writes what is in blocks, without what is older than `keep_from`. None when nothing is left, or when
    /// told to stop.
    fn merge(
        blocks: &[Arc<Block<Self::Footer>>],
        keep_from: i64,
        out: &mut BlockWriter<'_>,
        stop: &AtomicBool,
    ) -> Result<Option<Content<Self::Footer>>>;

    /// Drops from the index what neither heads nor blocks speak of any more.
    fn forget(live: &mut Live<Self>);
}

/// What was written into a block.
pub(crate) struct Content<F> {
    pub(crate) footer: F,
    /// The footer as bytes.
    pub(crate) encoded: Vec<u8>,
    pub(crate) from: i64,
    pub(crate) to: i64,
    pub(crate) items: u64,
}

type Blocks<K> = Vec<Arc<Block<<K as Kind>::Footer>>>;

/// A head being written to a block.
pub(crate) struct Frozen<K: Kind> {
    pub(crate) head: K::Head,
    /// Offset of its newest batch.
    at: u64,
    /// Its block, once written: kept when naming it in the manifest failed.
    block: Mutex<Option<Arc<Block<K::Footer>>>>,
}

/// What queries see.
pub(crate) struct Live<K: Kind> {
    pub(crate) index: K::Index,
    pub(crate) active: K::Head,
    pub(crate) frozen: Option<Arc<Frozen<K>>>,
    /// Oldest arrival first.
    pub(crate) blocks: Arc<Blocks<K>>,
    /// Newest offset taken.
    taken: u64,
    /// Newest offset in the manifest.
    applied: u64,
}

/// A data folder with its heads and blocks.
pub(crate) struct Shelf<K: Kind> {
    pub(crate) disk: Disk,
    limits: Limits,
    /// A head this large is flushed by itself; one twice as large takes no more.
    head_bytes: usize,
    live: RwLock<Live<K>>,
    manifest: Mutex<Manifest>,
    flushing: Mutex<()>,
    merging: Mutex<()>,
    flush_is_queued: AtomicBool,
    merge_is_queued: AtomicBool,
    closed: AtomicBool,
    queries: Arc<Semaphore>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<K: Kind> Shelf<K> {
    pub(crate) fn open(dir: &Path, head_bytes: usize, limits: Limits) -> Result<Arc<Self>> {
        let disk = Disk::open(dir)?;
        let mut manifest = read_manifest(&disk, K::NAME)?;
        sweep(&disk, &manifest)?;
        let mut index = K::Index::default();
        let mut blocks = Vec::with_capacity(manifest.blocks.len());
        for shape in &manifest.blocks {
            let path = disk.path(&Shape::file_name(shape.id));
            match Block::open(path.clone(), *shape, |bytes| K::load(&mut index, bytes)) {
                Ok(block) => {
                    if let Err(error) = block.footer() {
                        tracing::error!(%error, "a telemetry block is damaged");
                    }
                    blocks.push(Arc::new(block));
                }
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                    tracing::error!(file = %path.display(), "a telemetry block is gone; going on without it");
                }
                Err(e) => return Err(disk::failed("open a block", e)),
            }
        }
        manifest.blocks = blocks.iter().map(|b| b.shape).collect();
        let live = Live {
            index,
            active: K::Head::default(),
            frozen: None,
            blocks: Arc::new(blocks),
            taken: manifest.applied,
            applied: manifest.applied,
        };
        Ok(Arc::new(Self {
            disk,
            limits,
            head_bytes,
            live: RwLock::new(live),
            manifest: Mutex::new(manifest),
            flushing: Mutex::new(()),
            merging: Mutex::new(()),
            flush_is_queued: AtomicBool::new(false),
            merge_is_queued: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            queries: Arc::new(Semaphore::new(QUERIES)),
        }))
    }

    /// Asks background work to end soon. The folder is free once it has.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Live<K>> {
        self.live.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Live<K>> {
        self.live.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The newest offset taken, durable or not.
    pub(crate) fn taken(&self) -> u64 {
        self.read().taken
    }

    pub(crate) fn applied(&self) -> u64 {
        self.read().applied
    }

    /// Takes a batch, unless it was taken before. `take` may refuse a part of it and say so.
    pub(crate) fn append(
        self: &Arc<Self>,
        at: u64,
        take: impl FnOnce(&mut K::Index, &mut K::Head) -> Result<()>,
    ) -> Result<()> {
        let mut live = self.write();
        if at <= live.taken {
            return Ok(());
        }
        if K::size(&live.active) >= self.head_bytes.saturating_mul(2) {
            drop(live);
            self.flush_in_background();
            let name = K::NAME;
            return Err(Error::Overloaded(format!("{name} arrive faster than they can be written to disk")));
        }
        live.taken = at;
        let Live { index, active, .. } = &mut *live;
        let taken = take(index, active);
        let full = K::size(active) >= self.head_bytes;
        drop(live);
        if full {
            self.flush_in_background();
        }
        taken
    }

    pub(crate) async fn flush(self: &Arc<Self>) -> Result<()> {
        let shelf = Arc::clone(self);
        let flushed = tokio::task::spawn_blocking(move || {
            shelf.flush_now()?;
            shelf.merge_in_background();
            Ok(())
        });
        joined(flushed.await)
    }

    pub(crate) async fn expire(self: &Arc<Self>, before: i64) -> Result<()> {
        let shelf = Arc::clone(self);
        joined(tokio::task::spawn_blocking(move || shelf.expire_now(before)).await)
    }

    /// Runs a query where it may block, a few at a time.
    pub(crate) async fn query<T: Send + 'static>(
        self: &Arc<Self>,
        query: impl FnOnce(&Self) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let turn = tokio::time::timeout(QUERY_PATIENCE, Arc::clone(&self.queries).acquire_owned()).await;
        let Ok(Ok(turn)) = turn else {
            return Err(Error::Overloaded(format!("too many queries of {} at once", K::NAME)));
        };
        let shelf = Arc::clone(self);
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            query(&shelf)
        });
        joined(done.await)
    }

    fn flush_in_background(self: &Arc<Self>) {
        if self.flush_is_queued.swap(true, Ordering::AcqRel) {
            return;
        }
        let shelf = Arc::clone(self);
        tokio::task::spawn_blocking(move || {
            // Before the flush: an append that fills the next head while this one is written queues again.
            shelf.flush_is_queued.store(false, Ordering::Release);
            if shelf.closed.load(Ordering::Relaxed) {
                return;
            }
            match shelf.flush_now() {
                Ok(()) => shelf.merge_in_background(),
                Err(error) => tracing::error!(%error, kind = K::NAME, "telemetry could not be flushed"),
            }
        });
    }

    fn merge_in_background(self: &Arc<Self>) {
        if self.next_merge().is_none() || self.merge_is_queued.swap(true, Ordering::AcqRel) {
            return;
        }
        let shelf = Arc::clone(self);
        tokio::task::spawn_blocking(move || {
            let merged = shelf.merge_now();
            shelf.merge_is_queued.store(false, Ordering::Release);
            if let Err(error) = merged {
                tracing::error!(%error, kind = K::NAME, "telemetry blocks could not be merged");
            }
        });
    }

    /// Writes everything taken before this call.
    pub(crate) fn flush_now(&self) -> Result<()> {
        let _one_at_a_time = lock(&self.flushing);
        let target = self.read().taken;
        loop {
            let frozen = {
                let mut live = self.write();
                if live.frozen.is_none() {
                    if live.applied >= target {
                        return Ok(());
                    }
                    let head = std::mem::take(&mut live.active);
                    live.frozen = Some(Arc::new(Frozen { head, at: live.taken, block: Mutex::new(None) }));
                }
                live.frozen.clone().expect("frozen just above")
            };
            if !K::is_empty(&frozen.head) && lock(&frozen.block).is_none() {
                let block = self.write_block(0, |out| K::write(&frozen.head, out).map(Some))?;
                *lock(&frozen.block) = block;
            }
            let block = lock(&frozen.block).clone();
            self.commit(Some(frozen.at), |blocks, _| {
                blocks.extend(block);
                true
            })?;
        }
    }

    /// Merges until there is nothing to merge.
    pub(crate) fn merge_now(&self) -> Result<()> {
        let _one_at_a_time = lock(&self.merging);
        while let Some((run, keep_from)) = self.next_merge() {
            let level = if run.len() > 1 { 1 } else { 0 };
            let level = run.iter().map(|b| b.shape.level).max().unwrap_or(0) + level;
            let merged = self.write_block(level, |out| K::merge(&run, keep_from, out, &self.closed));
            if self.closed.load(Ordering::Relaxed) {
                return Ok(());
            }
            let merged = match merged {
                Ok(merged) => merged,
                // The damaged block is marked now, and the next pick goes around it.
                Err(Error::Corrupt(why)) => {
                    tracing::error!(why, "a telemetry block is damaged");
                    continue;
                }
                Err(e) => return Err(e),
            };
            self.commit(None, |blocks, _| {
                let first = blocks.iter().position(|b| b.shape.id == run[0].shape.id);
                let Some(first) = first.filter(|i| blocks.len() - i >= run.len()) else { return false };
                let range = first..first + run.len();
                // Some of the run may have expired meanwhile.
                let same = blocks[range.clone()].iter().zip(&run).all(|(a, b)| Arc::ptr_eq(a, b));
                if same {
                    blocks.splice(range, merged);
                }
                same
            })?;
        }
        Ok(())
    }

    fn next_merge(&self) -> Option<(Blocks<K>, i64)> {
        if self.closed.load(Ordering::Relaxed) {
            return None;
        }
        let keep_from = lock(&self.manifest).expired_before;
        let blocks = Arc::clone(&self.read().blocks);
        let shapes: Vec<Shape> = blocks.iter().map(|b| b.shape).collect();
        let run = compaction::pick(&shapes, &|i| blocks[i].is_damaged(), &self.limits, keep_from)?;
        Some((blocks[run].to_vec(), keep_from))
    }

    fn expire_now(&self, before: i64) -> Result<()> {
        self.commit(None, |blocks, expired_before| {
            *expired_before = before.max(*expired_before);
            let len = blocks.len();
            blocks.retain(|b| b.shape.to >= before);
            blocks.len() < len
        })?;
        K::forget(&mut self.write());
        Ok(())
    }

    fn write_block(
        &self,
        level: u32,
        write: impl FnOnce(&mut BlockWriter<'_>) -> Result<Option<Content<K::Footer>>>,
    ) -> Result<Option<Arc<Block<K::Footer>>>> {
        let id = {
            let mut manifest = lock(&self.manifest);
            manifest.next_id += 1;
            manifest.next_id - 1
        };
        let name = Shape::file_name(id);
        let written = self.write_block_file(level, id, &name, write);
        if !matches!(written, Ok(Some(_))) {
            // Best effort: what stays is removed when the folder is next opened.
            let _ = self.disk.remove(&name);
        }
        written
    }

    fn write_block_file(
        &self,
        level: u32,
        id: u64,
        name: &str,
        write: impl FnOnce(&mut BlockWriter<'_>) -> Result<Option<Content<K::Footer>>>,
    ) -> Result<Option<Arc<Block<K::Footer>>>> {
        let mut out = self.disk.create(name).map_err(|e| disk::failed("create a block", e))?;
        let Some(content) = write(&mut out)? else { return Ok(None) };
        let bytes = out.finish(&content.encoded)?;
        let Content { footer, from, to, items, .. } = content;
        let shape = Shape { id, level, from, to, items, bytes };
        Block::written(self.disk.path(name), shape, footer).map(|b| Some(Arc::new(b)))
    }

    /// Changes the list of blocks, on disk and then for queries. `change` says whether it changed anything.
    fn commit(
        &self,
        applied: Option<u64>,
        change: impl FnOnce(&mut Blocks<K>, &mut i64) -> bool,
    ) -> Result<()> {
        let mut manifest = lock(&self.manifest);
        let before = Arc::clone(&self.read().blocks);
        let mut blocks = Vec::clone(&before);
        if !change(&mut blocks, &mut manifest.expired_before) {
            return Ok(());
        }
        let mut next = manifest.clone();
        next.blocks = blocks.iter().map(|b| b.shape).collect();
        next.applied = applied.unwrap_or(next.applied);
        let written = self.disk.replace(manifest::NAME, &next.encode());
        written.map_err(|e| disk::failed("write the manifest", e))?;
        let blocks = Arc::new(blocks);
        {
            let mut live = self.write();
            live.blocks = Arc::clone(&blocks);
            if let Some(applied) = applied {
                live.applied = applied;
                live.frozen = None;
            }
        }
        *manifest = next;
        for gone in before.iter().filter(|b| !blocks.iter().any(|k| k.shape.id == b.shape.id)) {
            // Queries that began before still hold the file open; what cannot be removed goes at the next open.
            if let Err(error) = self.disk.remove(&Shape::file_name(gone.shape.id)) {
                tracing::warn!(%error, file = %gone.path().display(), "an old telemetry block could not be removed");
            }
        }
        Ok(())
    }
}

fn joined<T>(done: std::result::Result<Result<T>, tokio::task::JoinError>) -> Result<T> {
    done.unwrap_or_else(|e| Err(Error::failed("work on telemetry", Retry::Temporary, e)))
}

fn read_manifest(disk: &Disk, kind: &str) -> Result<Manifest> {
    let path = disk.path(manifest::NAME).display().to_string();
    let bytes = disk.read(manifest::NAME).map_err(|e| disk::failed("read the manifest", e))?;
    if let Some(bytes) = bytes {
        return Manifest::decode(&bytes, kind, &path);
    }
    let names = disk.names().map_err(|e| disk::failed("list the data folder", e))?;
    if names.iter().any(|n| block_id(n).is_some()) {
        return Err(Error::Corrupt(format!(
            "{path} is missing but there are blocks beside it. Restore it from a backup, or move the blocks away"
        )));
    }
    let manifest = Manifest::new(kind);
    let written = disk.replace(manifest::NAME, &manifest.encode());
    written.map_err(|e| disk::failed("write the manifest", e))?;
    Ok(manifest)
}

/// Removes what a crash left behind. Files of other names are not ours and stay.
fn sweep(disk: &Disk, manifest: &Manifest) -> Result<()> {
    for name in disk.names().map_err(|e| disk::failed("list the data folder", e))? {
        let stray = block_id(&name).is_some_and(|id| manifest.blocks.iter().all(|b| b.id != id));
        if stray || name == format!("{}.tmp", manifest::NAME) {
            disk.remove(&name).map_err(|e| disk::failed("remove a leftover file", e))?;
        }
    }
    Ok(())
}

fn block_id(name: &str) -> Option<u64> {
    let id = name.strip_suffix(".block")?;
    (id.len() == 12).then(|| id.parse().ok())?
}
