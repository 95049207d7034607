//! Follows a growing source of lines: each line becomes a log record, at least once, over crashes too.
//!
//! Where the lines come from and how far they were read is up to [`Lines`]; here is the order that loses
//! none: read, deliver, go on, and save the position now and then.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use model::{Signal, Timestamp};
use receive::Origin;
use serde_json::Value;

use crate::cursor::Cursors;
use crate::supervise::{Context, Failure, Poll, Round};
use crate::tail::TailTarget;

/// A source of lines. Reading changes nothing: the next read begins where [`Lines::resume`] says.
#[async_trait]
pub trait Lines: Send + 'static {
    /// Goes on from a position; none, or one that cannot be read, begins anew: lines may come twice, none is
    /// skipped.
    fn resume(&mut self, position: Option<&Value>);

    /// Reads the next complete lines.
    ///
    /// # Errors
    /// The source cannot be read now.
    async fn read(&mut self, origin: &Origin, now: Timestamp) -> Result<Batch, Failure>;
}

/// What was read at once.
#[derive(Debug)]
pub struct Batch {
    /// The lines as log records.
    pub signals: Vec<Signal>,
    /// Where to go on once they are delivered; none when nothing moved.
    pub next: Option<Value>,
    /// Whether to read again at once.
    pub more: bool,
}

/// Follows one source of lines.
pub struct Follow<L> {
    lines: L,
    origin: Origin,
    cursors: Arc<dyn Cursors>,
    source: String,
    cursor: String,
    save_every: Duration,
    loaded: bool,
    unsaved: Option<Value>,
    saved_at: Instant,
}

impl<L: Lines> Follow<L> {
    /// A follower that goes on where the cursor of `place` says. `save_every` bounds what is read again after a
    /// crash; zero saves after each batch.
    pub(crate) fn start(
        lines: L,
        target: &TailTarget,
        place: &str,
        cursors: Arc<dyn Cursors>,
        save_every: Duration,
    ) -> Self {
        let source = format!("tail/{}/{}", target.service, target.instance.as_deref().unwrap_or("-"));
        Self {
            lines,
            origin: Origin { service: target.service.clone(), instance: target.instance.clone() },
            cursors,
            cursor: format!("{source}:{place}"),
            source,
            save_every,
            loaded: false,
            unsaved: None,
            saved_at: Instant::now(),
        }
    }

    /// Reads, delivers and goes past one batch; gives whether there is more.
    async fn batch(&mut self, context: &Context) -> Result<Round, Failure> {
        if !self.loaded {
            let saved = self.cursors.load(&self.cursor).await?;
            self.lines.resume(saved.as_ref());
            self.loaded = true;
        }
        let batch = self.lines.read(&self.origin, context.now()).await?;
        context.deliver(&self.source, batch.signals).await?;
        if let Some(next) = batch.next {
            self.lines.resume(Some(&next));
            self.unsaved = Some(next);
        }
        Ok(if batch.more { Round::More } else { Round::Done })
    }

    async fn save(&mut self) -> Result<(), Failure> {
        if let Some(position) = &self.unsaved {
            self.cursors.save(&self.cursor, position.clone()).await?;
            self.unsaved = None;
            self.saved_at = Instant::now();
        }
        Ok(())
    }
}

#[async_trait]
impl<L: Lines> Poll for Follow<L> {
    async fn poll(&mut self, context: &Context) -> Result<Round, Failure> {
        let round = self.batch(context).await?;
        if self.saved_at.elapsed() >= self.save_every {
            self.save().await?;
        }
        Ok(round)
    }

    /// Reads what the source still holds: the last lines of a stopped process say why it stopped.
    async fn close(&mut self, context: &Context) {
        while self.batch(context).await == Ok(Round::More) {}
        if let Err(failure) = self.save().await {
            tracing::warn!(poller.name = self.source, poller.reason = failure.reason, "cursor not saved");
        }
    }
}
