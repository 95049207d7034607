//! How far a poller has read, kept over restarts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use ports::{Expected, Op, Store};
use serde_json::Value;

/// Kind of the documents that hold cursors.
pub const KIND: &str = "cursor";

/// Keeps cursors. A cursor is saved only after the sink took what lies before it, so a crash makes a
/// poller read some signals again but never skip any.
#[async_trait]
pub trait Cursors: Send + Sync {
    /// The cursor of a poller, if one was saved.
    ///
    /// # Errors
    /// The store failed.
    async fn load(&self, poller: &str) -> ports::Result<Option<Value>>;

    /// Saves the cursor of a poller durably.
    ///
    /// # Errors
    /// The store failed.
    async fn save(&self, poller: &str, cursor: Value) -> ports::Result<()>;
}

/// Cursors as documents of a store.
#[derive(Clone)]
pub struct StoreCursors(pub Arc<dyn Store>);

#[async_trait]
impl Cursors for StoreCursors {
    async fn load(&self, poller: &str) -> ports::Result<Option<Value>> {
        Ok(self.0.get(KIND, poller).await?.map(|document| document.body))
    }

    async fn save(&self, poller: &str, cursor: Value) -> ports::Result<()> {
        let id = poller.to_owned();
        let put = Op::Put { kind: KIND, id, expected: Expected::Any, body: cursor, index: Vec::new() };
        self.0.commit(vec![put]).await.map(|_| ())
    }
}

/// Cursors that end with the process, for tests and for sources that need no memory.
#[derive(Clone, Debug, Default)]
pub struct MemoryCursors(Arc<Mutex<HashMap<String, Value>>>);

#[async_trait]
impl Cursors for MemoryCursors {
    async fn load(&self, poller: &str) -> ports::Result<Option<Value>> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).get(poller).cloned())
    }

    async fn save(&self, poller: &str, cursor: Value) -> ports::Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(poller.to_owned(), cursor);
        Ok(())
    }
}
