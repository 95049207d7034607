//! What is forgotten: runs that ended long ago with their journals and questions, and blobs and definitions that no
//! journal names.
//!
//! The loop removes runs, as it is the only one that writes them; here it is found out which, a few at a time.

use std::collections::BTreeSet;

use model::{ApprovalId, Run, RunId, Timestamp};
use ports::{BlobId, Collected, Filter, Index, JournalPosition, Query};

use crate::command::{Asker, Command, Reply};
use crate::handle::Engine;
use crate::operate::RunCommand;
use crate::overflow;
use crate::records::{Record, name_of};
use crate::runs::{Approval, StoredDefinition, definition_hashes};
use crate::situation::run_journal;

/// Runs that are looked at together.
const PAGE: usize = 200;
/// Records after which runs are removed in another commit: nothing waits long behind one.
const RECORDS: u64 = 2_000;
/// Records and bytes of journals that are read at once.
const READ_RECORDS: usize = 5_000;
const READ_BYTES: usize = 4 << 20;
/// A blob that was put within this time may be about to be named.
pub(crate) const FRESH_MS: i64 = 3_600_000;
/// Most definitions that are looked at together.
const MAX_LOOKED: usize = 100_000;

/// What was removed because nothing names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leftovers {
    /// Large values.
    pub blobs: Collected,
    /// Definitions.
    pub definitions: u64,
}

/// A run that is to go, with what goes with it.
#[derive(Clone, Debug)]
pub struct Gone {
    /// The run.
    pub run: RunId,
    /// Questions that it asked.
    pub approvals: Vec<ApprovalId>,
}

impl Engine {
    /// Removes the runs that ended before an instant, with their journals and questions; gives how many. What large
    /// values they leave, [`Engine::collect`] removes.
    ///
    /// # Errors
    /// The store cannot be read; what was removed until then is gone.
    pub async fn forget_runs(&self, before: Timestamp) -> ports::Result<u64> {
        use model::RunStatus::{Cancelled, Completed, Faulted};
        let over = [Completed, Faulted, Cancelled].map(|status| Index::Text(name_of(&status)));
        let mut query = Query::of(Run::KIND)
            .filter(Filter::In("status", over.to_vec()))
            .filter(Filter::Below("started_at", Index::Int(before.as_unix_ms())))
            .order("started_at", ports::Direction::Ascending)
            .limit(PAGE);
        let mut removed = 0;
        loop {
            let page = self.records().list::<Run>(&query).await?;
            let (mut some, mut records) = (Vec::new(), 0);
            for run in page.items.iter().filter(|run| run.ended_at.is_some_and(|at| at < before)) {
                records += self.records().store().journal_length(&run_journal(&run.id)).await?.kept();
                some.push(Gone { run: run.id.clone(), approvals: self.questions_of(&run.id).await? });
                if records >= RECORDS {
                    removed += self.forget(std::mem::take(&mut some)).await;
                    records = 0;
                }
            }
            removed += self.forget(some).await;
            match page.next {
                Some(next) => query.cursor = Some(next),
                None => return Ok(removed),
            }
        }
    }

    async fn questions_of(&self, run: &RunId) -> ports::Result<Vec<ApprovalId>> {
        let of_run = Filter::In("run", vec![Index::Text(run.to_string())]);
        let found = self.records().all::<Approval>(Query::of(Approval::KIND).filter(of_run), 10_000).await?;
        Ok(found.into_iter().map(|approval| approval.id).collect())
    }

    async fn forget(&self, runs: Vec<Gone>) -> u64 {
        let count = runs.len() as u64;
        if count == 0 {
            return 0;
        }
        // Refused only while stopping: the next life goes on with it.
        let asked = self.ask(Asker::system(), Command::Runs(RunCommand::Forget(runs))).await;
        asked.map_or(0, |_| count)
    }

    /// Removes the blobs and the definitions that no journal of a run names; definitions that new runs would follow
    /// stay. It reads all journals when there is anything to look at: not for every minute.
    ///
    /// # Errors
    /// The store or the blobs cannot be read.
    pub async fn collect(&self) -> ports::Result<Leftovers> {
        let blobs = self.stories().blobs();
        let before = self.now().plus_ms(-FRESH_MS);
        let stored =
            self.records().all::<StoredDefinition>(Query::of(StoredDefinition::KIND), MAX_LOOKED).await?;
        let mut unnamed: BTreeSet<String> = stored.into_iter().map(|definition| definition.sha256).collect();
        let nothing = blobs.list(None, 1).await?.items.is_empty();
        if nothing && unnamed.is_empty() {
            return Ok(Leftovers::default());
        }
        let (mut keep, mut after) = (BTreeSet::<BlobId>::new(), JournalPosition::default());
        loop {
            let store = self.records().store();
            let page = store.journals_after(overflow::PREFIX, &after, READ_RECORDS, READ_BYTES).await?;
            for part in &page.parts {
                keep.extend(part.records.iter().filter_map(overflow::blob_of));
                for sha256 in definition_hashes(&part.records) {
                    unnamed.remove(&sha256);
                }
            }
            match page.next {
                Some(next) => after = next,
                None => break,
            }
        }
        let definitions = match unnamed.is_empty() {
            true => 0,
            false => self.forget_definitions(unnamed.into_iter().collect()).await,
        };
        Ok(Leftovers { blobs: blobs.collect(&keep, before).await?, definitions })
    }

    async fn forget_definitions(&self, unnamed: Vec<String>) -> u64 {
        let mut removed = 0;
        for some in unnamed.chunks(PAGE) {
            let command = RunCommand::ForgetDefinitions(some.to_vec());
            // Refused only while stopping: the next life goes on with it.
            if let Ok(Reply::Removed(count)) = self.ask(Asker::system(), Command::Runs(command)).await {
                removed += count;
            }
        }
        removed
    }
}
