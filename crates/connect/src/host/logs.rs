//! Follows a log file through the host's API, for a host on another machine. The host counts one offset
//! over all rotations, so there is none to watch for here.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use model::Signal;
use receive::{Origin, logline};
use serde_json::json;

use super::client::HostClient;
use crate::cursor::Cursors;
use crate::supervise::{Context, Failure, Poll, Round};
use crate::tail::TailTarget;

/// Most bytes of one batch, and of one line before it is split.
const CHUNK_BYTES: usize = 1024 * 1024;

/// Follows one file of a host.
pub(super) struct RemoteTail {
    client: Arc<HostClient>,
    cursors: Arc<dyn Cursors>,
    save_every: Duration,
    origin: Origin,
    file: String,
    source: String,
    cursor: String,
    /// First byte not yet delivered; none before the cursor is loaded.
    from: Option<u64>,
    unsaved: bool,
    saved_at: Instant,
}

impl RemoteTail {
    pub(super) fn new(
        target: TailTarget,
        client: Arc<HostClient>,
        cursors: Arc<dyn Cursors>,
        save_every: Duration,
    ) -> Self {
        let instance = target.instance.as_deref().unwrap_or("-");
        let file = target.path.to_string_lossy().into_owned();
        Self {
            source: format!("tail/{}/{instance}", target.service),
            cursor: format!("tail/{}/{instance}:{}:{file}", target.service, client.base_url()),
            origin: Origin { service: target.service, instance: target.instance },
            file,
            client,
            cursors,
            save_every,
            from: None,
            unsaved: false,
            saved_at: Instant::now(),
        }
    }

    async fn batch(&mut self, context: &Context) -> Result<Round, Failure> {
        let from = match self.from {
            Some(from) => from,
            None => {
                let saved = self.cursors.load(&self.cursor).await?;
                saved.and_then(|cursor| cursor.get("from")?.as_u64()).unwrap_or(0)
            }
        };
        self.from = Some(from);
        let (bytes, next) = self.client.logs(&self.file, from, CHUNK_BYTES).await?;
        let full = bytes.len() >= CHUNK_BYTES;
        let complete = match bytes.iter().rposition(|byte| *byte == b'\n') {
            Some(last) => last + 1,
            None if full => bytes.len(),
            None => return Ok(Round::Done),
        };
        let now = context.now();
        let lines = bytes[..complete].split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let signals = lines.map(|line| Signal::Log(logline::parse(line, &self.origin, now))).collect();
        context.deliver(&self.source, signals).await?;
        // The host skips what it no longer keeps: its offset counts, not ours.
        let start = next.saturating_sub(bytes.len() as u64);
        self.from = Some(start + complete as u64);
        self.unsaved = true;
        Ok(if full { Round::More } else { Round::Done })
    }

    async fn save(&mut self) -> Result<(), Failure> {
        if self.unsaved {
            self.cursors.save(&self.cursor, json!({ "from": self.from })).await?;
            self.unsaved = false;
            self.saved_at = Instant::now();
        }
        Ok(())
    }
}

#[async_trait]
impl Poll for RemoteTail {
    async fn poll(&mut self, context: &Context) -> Result<Round, Failure> {
        let round = self.batch(context).await?;
        if self.saved_at.elapsed() >= self.save_every {
            self.save().await?;
        }
        Ok(round)
    }

    async fn close(&mut self, context: &Context) {
        while self.batch(context).await == Ok(Round::More) {}
        if let Err(failure) = self.save().await {
            tracing::warn!(poller.name = self.source, poller.reason = failure.reason, "cursor not saved");
        }
    }
}
