//! External resources (DSL reference, "External Resource"): texts that documents name by where they are, such as
//! scripts, `.proto` files, AsyncAPI documents, schemas and functions of catalogs.
//!
//! `http:` and `https:` go through [`Web`] with its limits; `file:` means the one folder that the server was given
//! for that, and nothing outside of it. What was read stays fresh for a minute; while its server is down, what
//! it said last is used.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use ports::{ActionFailure, FailureKind, Resources, Retry};
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::http::{Request, Web, place, url};
use super::{auth, failure};

/// Largest text.
const BYTES_MAX: usize = 4 * 1024 * 1024;
/// Texts that are kept.
const KEPT: usize = 64;
/// How long a text is usually used before it is asked for again.
pub const FRESH: Duration = Duration::from_secs(60);

/// Reads external resources.
pub struct ExternalResources {
    web: Arc<Web>,
    folder: Option<PathBuf>,
    fresh: Duration,
    /// The one that was read last is at the end.
    kept: Mutex<VecDeque<Kept>>,
}

struct Kept {
    key: [u8; 32],
    text: Arc<str>,
    fresh_until: Instant,
}

impl ExternalResources {
    /// Fetches through `web`; `file:` means files below `folder`, and nothing when there is none. A text is used for
    /// the time `fresh` before it is asked for again ([`FRESH`]).
    #[must_use]
    pub fn new(web: Arc<Web>, folder: Option<PathBuf>, fresh: Duration) -> Self {
        Self { web, folder, fresh, kept: Mutex::default() }
    }

    /// The text of a resource as parameters give it: `endpoint`, or `content` for one that is there already.
    pub(super) async fn of(&self, what: &str, resource: &Value) -> Result<String, ActionFailure> {
        if let Some(text) = resource.get("content").and_then(Value::as_str) {
            return Ok(text.to_owned());
        }
        let endpoint = &resource["endpoint"];
        let (uri, authentication) = match endpoint {
            Value::String(uri) => (uri.as_str(), None),
            _ => (endpoint["uri"].as_str().unwrap_or_default(), endpoint.get("authentication")),
        };
        if uri.is_empty() {
            return Err(refused(format!("`{what}` has no `endpoint` that says where it is")));
        }
        self.text(uri, authentication).await.map_err(|mut failure| {
            failure.message = format!("`{what}` cannot be read: {}", failure.message);
            failure
        })
    }

    async fn fetched(&self, uri: &str, authentication: Option<&Value>) -> Result<String, ActionFailure> {
        if let Some(path) = uri.strip_prefix("file:") {
            return self.file(path).await;
        }
        let url = url(uri)?;
        let request = Request {
            method: Method::GET,
            url: url.clone(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            authentication: authentication.map(auth::read).transpose()?,
            follow: true,
        };
        let asked = self.web.exchange_up_to(&request, BYTES_MAX).await;
        let answer = asked.and_then(|answer| answer.judge(false).map(|()| answer)).map_err(again)?;
        String::from_utf8(answer.body).map_err(|_| {
            let text = format!("{} is not UTF-8; save it as UTF-8", place(&url));
            failure(FailureKind::Communication, Retry::Permanent, text)
        })
    }

    async fn file(&self, path: &str) -> Result<String, ActionFailure> {
        let Some(folder) = self.folder.clone() else {
            let text = "files are not read here: name their folder in `functions.resources_dir`";
            return Err(refused(text.to_owned()));
        };
        let path = path.trim_start_matches('/').to_owned();
        let read = tokio::task::spawn_blocking(move || read_below(&folder, &path)).await;
        let read =
            read.map_err(|error| failure(FailureKind::Runtime, Retry::Temporary, error.to_string()))?;
        read.map_err(refused)
    }

    fn kept(&self, key: &[u8; 32]) -> Option<(Arc<str>, bool)> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.iter().find(|one| one.key == *key)?;
        Some((Arc::clone(&found.text), Instant::now() < found.fresh_until))
    }

    fn keep(&self, key: [u8; 32], text: Arc<str>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|one| one.key != key);
        if kept.len() >= KEPT {
            kept.pop_front();
        }
        kept.push_back(Kept { key, text, fresh_until: Instant::now() + self.fresh });
    }
}

#[async_trait]
impl Resources for ExternalResources {
    async fn text(&self, uri: &str, authentication: Option<&Value>) -> Result<String, ActionFailure> {
        let key = key(uri, authentication);
        let kept = self.kept(&key);
        if let Some((text, true)) = &kept {
            return Ok(text.to_string());
        }
        match (self.fetched(uri, authentication).await, kept) {
            (Ok(text), _) => {
                self.keep(key, text.as_str().into());
                Ok(text)
            }
            // Its server is down; what it said last is better than no repair.
            (Err(error), Some((text, _))) if error.retry != Retry::Permanent => {
                tracing::warn!(%error, "An external resource is used as it was last read.");
                self.keep(key, Arc::clone(&text));
                Ok(text.to_string())
            }
            (Err(error), _) => Err(error),
        }
    }
}

/// Who may read it and where it is: a text is not shown to somebody who proves something else.
fn key(uri: &str, authentication: Option<&Value>) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update((uri.len() as u64).to_be_bytes());
    hash.update(uri.as_bytes());
    hash.update(authentication.map(Value::to_string).unwrap_or_default().as_bytes());
    hash.finalize().into()
}

/// Nothing of the call itself has been done yet, so it may be made again.
fn again(mut failure: ActionFailure) -> ActionFailure {
    if failure.retry == Retry::Exhausted {
        failure.retry = Retry::Temporary;
    }
    failure
}

fn refused(text: String) -> ActionFailure {
    failure(FailureKind::Configuration, Retry::Permanent, text)
}

fn read_below(folder: &Path, path: &str) -> Result<String, String> {
    use std::io::Read;
    let shown = receive::limits::cut(path, 200).into_owned();
    let wrong = |why: std::io::Error| format!("the file {shown:?} of `functions.resources_dir`: {why}");
    let folder = folder.canonicalize().map_err(wrong)?;
    // After links were followed: none may lead outside.
    let file = folder.join(path).canonicalize().map_err(wrong)?;
    if !file.starts_with(&folder) {
        return Err(format!("the file {shown:?} is outside of `functions.resources_dir`"));
    }
    let mut text = String::new();
    let opened = std::fs::File::open(&file).map_err(wrong)?;
    if !opened.metadata().map_err(wrong)?.is_file() {
        return Err(format!("{shown:?} of `functions.resources_dir` is no file"));
    }
    opened.take(BYTES_MAX as u64 + 1).read_to_string(&mut text).map_err(wrong)?;
    if text.len() > BYTES_MAX {
        return Err(format!("the file {shown:?} has more than {BYTES_MAX} bytes"));
    }
    Ok(text)
}
