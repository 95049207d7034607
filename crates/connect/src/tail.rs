//! Follows a log file: each line becomes a log record, at least once, over rotation, truncation and crashes.

mod reader;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use model::Signal;
use ports::Retry;
use receive::{Origin, logline};

use self::reader::{Position, Reader};
use crate::cursor::Cursors;
use crate::supervise::{Context, Failure, Poll, Round};

/// What to follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TailTarget {
    /// The service it belongs to.
    pub service: String,
    /// The instance, when one is known.
    pub instance: Option<String>,
    /// The file, on this machine.
    pub path: PathBuf,
}

/// Follows one file.
pub struct Tail {
    origin: Origin,
    reader: Arc<Mutex<Reader>>,
    cursors: Arc<dyn Cursors>,
    source: String,
    cursor: String,
    save_every: Duration,
    loaded: bool,
    unsaved: Option<Position>,
    saved_at: Instant,
}

impl Tail {
    /// A follower that goes on where the cursor of this file says, or begins at its start (of a large file:
    /// its last 16 MiB). `save_every` bounds what is read again after a crash; zero saves after each batch.
    #[must_use]
    pub fn new(target: TailTarget, cursors: Arc<dyn Cursors>, save_every: Duration) -> Self {
        let instance = target.instance.as_deref().unwrap_or("-");
        Self {
            source: format!("tail/{}/{instance}", target.service),
            cursor: format!("tail/{}/{instance}:{}", target.service, target.path.display()),
            origin: Origin { service: target.service, instance: target.instance },
            reader: Arc::new(Mutex::new(Reader::new(target.path))),
            cursors,
            save_every,
            loaded: false,
            unsaved: None,
            saved_at: Instant::now(),
        }
    }

    /// Reads, delivers and commits one batch; gives whether there is more.
    async fn batch(&mut self, context: &Context) -> Result<Round, Failure> {
        if !self.loaded {
            let saved = self.cursors.load(&self.cursor).await?;
            // A cursor that cannot be read is as good as none: lines may come twice, none is skipped.
            let position = saved.and_then(|value| serde_json::from_value::<Position>(value).ok());
            self.reader.lock().unwrap_or_else(PoisonError::into_inner).resume(position);
            self.loaded = true;
        }
        let (reader, origin, now) = (Arc::clone(&self.reader), self.origin.clone(), context.now());
        let read = tokio::task::spawn_blocking(move || {
            let chunk = reader.lock().unwrap_or_else(PoisonError::into_inner).read()?;
            let signals: Vec<_> =
                chunk.lines().map(|line| Signal::Log(logline::parse(line, &origin, now))).collect();
            Ok::<_, std::io::Error>((chunk.next, chunk.more, signals))
        });
        let (next, more, signals) =
            read.await.map_err(|error| Failure::temporary(error.to_string()))?.map_err(unreadable)?;
        context.deliver(&self.source, signals).await?;
        if let Some(next) = next {
            self.reader.lock().unwrap_or_else(PoisonError::into_inner).resume(Some(next.clone()));
            self.unsaved = Some(next);
        }
        Ok(if more { Round::More } else { Round::Done })
    }

    async fn save(&mut self) -> Result<(), Failure> {
        if let Some(position) = &self.unsaved {
            let value = serde_json::to_value(position)
                .map_err(|error| Failure::new(Retry::Permanent, error.to_string()))?;
            self.cursors.save(&self.cursor, value).await?;
            self.unsaved = None;
            self.saved_at = Instant::now();
        }
        Ok(())
    }
}

fn unreadable(error: std::io::Error) -> Failure {
    Failure::temporary(match error.kind() {
        std::io::ErrorKind::NotFound => "no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "not allowed to read the file".to_owned(),
        _ => error.to_string(),
    })
}

#[async_trait]
impl Poll for Tail {
    async fn poll(&mut self, context: &Context) -> Result<Round, Failure> {
        let round = self.batch(context).await?;
        if self.saved_at.elapsed() >= self.save_every {
            self.save().await?;
        }
        Ok(round)
    }

    /// Reads what the file still holds: the last lines of a stopped process say why it stopped.
    async fn close(&mut self, context: &Context) {
        while self.batch(context).await == Ok(Round::More) {}
        if let Err(failure) = self.save().await {
            tracing::warn!(poller.name = self.source, poller.reason = failure.reason, "cursor not saved");
        }
    }
}
