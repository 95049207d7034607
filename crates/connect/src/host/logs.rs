//! Follows a log file through the host's API, for a host on another machine. The host counts one offset
//! over all rotations, so there is none to watch for here.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use model::{Signal, Timestamp};
use receive::{Origin, logline};
use serde_json::{Value, json};

use super::client::HostClient;
use crate::cursor::Cursors;
use crate::follow::{Batch, Follow, Lines};
use crate::supervise::Failure;
use crate::tail::TailTarget;

/// Most bytes of one batch, and of one line before it is split.
const CHUNK_BYTES: usize = 1024 * 1024;

/// Follows one file of a host.
pub(super) type RemoteTail = Follow<RemoteLines>;

/// The lines of one file of a host.
pub(crate) struct RemoteLines {
    client: Arc<HostClient>,
    file: String,
    /// First byte not yet delivered.
    from: u64,
}

impl RemoteTail {
    pub(super) fn new(
        target: TailTarget,
        client: Arc<HostClient>,
        cursors: Arc<dyn Cursors>,
        save_every: Duration,
    ) -> Self {
        let file = target.path.to_string_lossy().into_owned();
        let place = format!("{}:{file}", client.base_url());
        Self::start(RemoteLines { client, file, from: 0 }, &target, &place, cursors, save_every)
    }
}

#[async_trait]
impl Lines for RemoteLines {
    fn resume(&mut self, position: Option<&Value>) {
        self.from = position.and_then(|position| position.get("from")?.as_u64()).unwrap_or(0);
    }

    async fn read(&mut self, origin: &Origin, now: Timestamp) -> Result<Batch, Failure> {
        let (bytes, next) = self.client.logs(&self.file, self.from, CHUNK_BYTES).await?;
        let full = bytes.len() >= CHUNK_BYTES;
        let complete = match bytes.iter().rposition(|byte| *byte == b'\n') {
            Some(last) => last + 1,
            None if full => bytes.len(),
            None => return Ok(Batch { signals: Vec::new(), next: None, more: false }),
        };
        let lines = bytes[..complete].split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let signals = lines.map(|line| Signal::Log(logline::parse(line, origin, now))).collect();
        // The host skips what it no longer keeps: its offset counts, not ours.
        let start = next.saturating_sub(bytes.len() as u64);
        Ok(Batch { signals, next: Some(json!({ "from": start + complete as u64 })), more: full })
    }
}
