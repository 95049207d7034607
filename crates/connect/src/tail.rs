//! Follows a log file of this machine, over rotation and truncation.

mod reader;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use model::{Signal, Timestamp};
use ports::Retry;
use receive::{Origin, logline};
use serde_json::Value;

use self::reader::{Position, Reader};
use crate::cursor::Cursors;
use crate::follow::{Batch, Follow, Lines};
use crate::supervise::Failure;

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
pub type Tail = Follow<FileLines>;

/// The lines of one file.
pub struct FileLines {
    reader: Arc<Mutex<Reader>>,
}

impl Tail {
    /// A follower that goes on where the cursor of this file says, or begins at its start (of a large file:
    /// its last 16 MiB). `save_every` bounds what is read again after a crash; zero saves after each batch.
    #[must_use]
    pub fn new(target: TailTarget, cursors: Arc<dyn Cursors>, save_every: Duration) -> Self {
        let lines = FileLines { reader: Arc::new(Mutex::new(Reader::new(target.path.clone()))) };
        let place = target.path.display().to_string();
        Self::start(lines, &target, &place, cursors, save_every)
    }
}

#[async_trait]
impl Lines for FileLines {
    fn resume(&mut self, position: Option<&Value>) {
        let position = position.and_then(|value| serde_json::from_value::<Position>(value.clone()).ok());
        self.reader.lock().unwrap_or_else(PoisonError::into_inner).resume(position);
    }

    async fn read(&mut self, origin: &Origin, now: Timestamp) -> Result<Batch, Failure> {
        let (reader, origin) = (Arc::clone(&self.reader), origin.clone());
        let read = tokio::task::spawn_blocking(move || {
            let chunk = reader.lock().unwrap_or_else(PoisonError::into_inner).read()?;
            let signals: Vec<_> =
                chunk.lines().map(|line| Signal::Log(logline::parse(line, &origin, now))).collect();
            Ok::<_, std::io::Error>((chunk.next, chunk.more, signals))
        });
        let (next, more, signals) =
            read.await.map_err(|error| Failure::temporary(error.to_string()))?.map_err(unreadable)?;
        let next = next.map(serde_json::to_value).transpose();
        let next = next.map_err(|error| Failure::new(Retry::Permanent, error.to_string()))?;
        Ok(Batch { signals, next, more })
    }
}

fn unreadable(error: std::io::Error) -> Failure {
    Failure::temporary(match error.kind() {
        std::io::ErrorKind::NotFound => "no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "not allowed to read the file".to_owned(),
        _ => error.to_string(),
    })
}
