//! Free space of the database file: how much there is, and giving it back.
//!
//! What was removed leaves free pages, which are used again before the file grows. Only when they become a
//! large part of it are they given back, a few at a time, while nobody waits for the writer.

use std::path::Path;

use ports::Result;
use rusqlite::Connection;

use super::{StateSize, failed, unsigned};

/// Free pages that are always left: 16 MB, which writers would soon ask for again. (In unit tests less.)
const LEFT: u64 = if cfg!(test) { 16 } else { 4096 };

/// Pages that are given back in one step: some milliseconds.
const STEP: u64 = 256;

/// Keeps the file as small as its use.
#[derive(Default)]
pub(super) struct House {
    /// Whether pages are being given back: from a quarter of the file being free to an eighth.
    giving_back: bool,
}

impl House {
    /// Does one step of what there is to do; false when there is nothing.
    pub(super) fn keep(&mut self, connection: &Connection) -> bool {
        let kept = pages(connection).and_then(|(all, free)| {
            let enough = if self.giving_back { all / 8 } else { all / 4 };
            self.giving_back = free > enough.max(LEFT);
            if self.giving_back {
                give_back(connection)?;
            }
            Ok(self.giving_back)
        });
        kept.unwrap_or_else(|error| {
            tracing::warn!(cause = %error, "free space of the state could not be given back");
            self.giving_back = false;
            false
        })
    }
}

fn give_back(connection: &Connection) -> rusqlite::Result<()> {
    let mut vacuum = connection.prepare_cached(&format!("PRAGMA incremental_vacuum({STEP})"))?;
    // One page for each row.
    let mut rows = vacuum.query([])?;
    while rows.next()?.is_some() {}
    Ok(())
}

/// Pages of the file, and how many of them are free.
fn pages(c: &Connection) -> rusqlite::Result<(u64, u64)> {
    let read = |name: &str| -> rusqlite::Result<u64> {
        c.prepare_cached(&format!("PRAGMA {name}"))?.query_row([], |row| row.get(0)).map(unsigned)
    };
    Ok((read("page_count")?, read("freelist_count")?))
}

/// How much of the disk the state takes.
pub(super) fn size(c: &Connection, log: &Path) -> Result<StateSize> {
    let failed = failed("measure the state");
    let (all, free) = pages(c).map_err(&failed)?;
    let page: i64 = c.pragma_query_value(None, "page_size", |row| row.get(0)).map_err(&failed)?;
    let page = unsigned(page);
    // There is no log before the first write.
    let log_bytes = std::fs::metadata(log).map_or(0, |log| log.len());
    Ok(StateSize { database_bytes: all * page, free_bytes: free * page, log_bytes })
}

#[cfg(test)]
mod tests {
    use ports::{Expected, Op, Store};
    use serde_json::json;

    use crate::StateStore;

    #[tokio::test]
    async fn a_file_that_was_large_becomes_small_again() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateStore::open(folder.path()).unwrap();
        let name = |n: usize| format!("run/{n:04}");
        let records = vec![json!("x".repeat(1000)); 20];
        let append =
            |n| Op::Append { journal: name(n), expected: Expected::Absent, records: records.clone() };
        state.commit((0..400).map(append).collect()).await.unwrap();
        let before = state.size().await.unwrap();
        assert!(before.database_bytes > 8 << 20, "{before:?}");

        let drop_whole = |n| Op::Drop { journal: name(n), expected: Expected::Exactly(20) };
        state.commit((0..399).map(drop_whole).collect()).await.unwrap();

        // Each of these commits finds the writer idle before it, at least one step further.
        let mut after = state.size().await.unwrap();
        for _ in 0..200 {
            if after.database_bytes < before.database_bytes / 20 {
                break;
            }
            state
                .commit(vec![Op::Delete { kind: "x", id: "x".to_owned(), expected: Expected::Any }])
                .await
                .unwrap();
            after = state.size().await.unwrap();
        }
        assert!(after.database_bytes < before.database_bytes / 20, "{before:?} became {after:?}");
        assert_eq!(state.read_journal(&name(399), 0, 100).await.unwrap().len(), 20);
    }
}
