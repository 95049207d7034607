//! OpenAPI documents: fetched with everything they refer to and a call needs, kept, and asked again with their ETag.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::join_all;
use openapi::{Bounds, Document, Outcome, RequestPlan, plan};
use ports::{ActionFailure, FailureKind, Retry};
use reqwest::header::{
    ACCEPT, CACHE_CONTROL, ETAG, HeaderMap, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED,
};
use reqwest::{Method, StatusCode, Url};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::functions::auth;
use crate::functions::fields::{Fields, configuration};
use crate::functions::http::{Answer, Request, Web, place, url};

/// Documents that are kept, and how many bytes of text they may have had together.
const DOCUMENTS_MAX: usize = 32;
const BYTES_MAX: usize = 64 * 1024 * 1024;
/// How long a document is used before it is asked for again, when its server does not say, and at most.
const FRESH: Duration = Duration::from_secs(60);
const FRESH_MAX: Duration = Duration::from_secs(600);
/// Largest file of a document; the largest public ones have 12 MB.
const FILE_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Most files that one call fetches, and how many at a time.
const FILES_MAX: usize = 1_024;
const AT_A_TIME: usize = 8;

/// Where a document comes from.
pub(super) struct Source<'a> {
    place: Option<Url>,
    authentication: Option<&'a Value>,
    text: Option<String>,
}

impl<'a> Source<'a> {
    /// An external resource (`endpoint`), or the document itself.
    pub(super) fn read(value: &'a Value) -> Result<Self, ActionFailure> {
        let inline = |text: String| Self { place: None, authentication: None, text: Some(text) };
        match value {
            Value::String(text) if text.starts_with("http://") || text.starts_with("https://") => {
                Ok(Self { place: Some(url(text)?), authentication: None, text: None })
            }
            Value::String(text) => Ok(inline(text.clone())),
            Value::Object(map) if map.contains_key("openapi") || map.contains_key("swagger") => {
                Ok(inline(value.to_string()))
            }
            _ => {
                let fields = Fields::of(value, "with.document")?;
                fields.only(&["name", "endpoint", "content"])?;
                let (uri, authentication) = match fields.value("endpoint") {
                    Some(Value::String(uri)) => (uri.clone(), None),
                    Some(_) => {
                        let endpoint = fields.object("endpoint")?;
                        let endpoint =
                            endpoint.ok_or_else(|| configuration("with.document.endpoint is missing"))?;
                        endpoint.only(&["uri", "authentication"])?;
                        (endpoint.required("uri")?, endpoint.value("authentication"))
                    }
                    None => return Err(configuration("with.document.endpoint is missing")),
                };
                let text = fields.text("content")?;
                Ok(Self { place: Some(url(&uri)?), authentication, text })
            }
        }
    }

    /// What it is kept under: who may read it, where it is, and its text if that was given.
    fn key(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        let mut add = |text: &str| {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text.as_bytes());
        };
        add(self.place.as_ref().map_or("", Url::as_str));
        add(&self.authentication.map(Value::to_string).unwrap_or_default());
        add(self.text.as_deref().unwrap_or_default());
        hash.finalize().into()
    }

    fn uri(&self) -> &str {
        self.place.as_ref().map_or("", Url::as_str)
    }
}

/// A document and how to ask whether it is still the same.
struct Held {
    document: Document,
    /// What it says, as far as its files are there.
    outcome: Outcome,
    etag: Option<HeaderValue>,
    modified: Option<HeaderValue>,
    fresh_until: Instant,
}

type Slot = Arc<tokio::sync::Mutex<Option<Held>>>;

/// A document that calls have named, and how large it was found to be.
struct Known {
    key: [u8; 32],
    slot: Slot,
    bytes: usize,
}

/// The documents that calls have named.
pub(super) struct Documents {
    web: Arc<Web>,
    /// The one that was used last is at the end.
    known: Mutex<VecDeque<Known>>,
}

impl Documents {
    pub(super) fn new(web: Arc<Web>) -> Self {
        Self { web, known: Mutex::default() }
    }

    /// Plans a call of an operation, fetching what is needed for it.
    pub(super) async fn plan(
        &self,
        source: Source<'_>,
        operation: &str,
        given: &Map<String, Value>,
    ) -> Result<RequestPlan, ActionFailure> {
        let key = source.key();
        let slot = self.slot(key);
        let mut held = slot.lock().await;
        if let Some(refreshed) = self.refreshed(&source, held.take()).await? {
            *held = Some(refreshed);
        }
        let mut fetched = 0;
        loop {
            let Some(now) = held.as_ref() else { return Err(configuration("with.document is empty")) };
            self.settle(&key, now.document.bytes());
            let api = &now.outcome.api;
            let found = api.operation(operation);
            let missing = match &found {
                Ok(found) => api.missing_for(Some(found)),
                Err(_) => api.missing_for(None),
            };
            if missing.is_empty() {
                let planned = found.and_then(|found| plan(api, found, given));
                return planned.map_err(|error| configuration(error.to_string()));
            }
            fetched += missing.len();
            if fetched > FILES_MAX {
                return Err(configuration(format!(
                    "the OpenAPI document is spread over more than {FILES_MAX} files; give it in one"
                )));
            }
            let texts = self.fetch_missing(&source, &missing).await?;
            // Nothing is held if this fails or is given up: the next call reads all of it again.
            let Some(before) = held.take() else { continue };
            let (document, outcome) = extended(before.document, texts).await?;
            *held = Some(Held { document, outcome, ..before });
        }
    }

    fn slot(&self, key: [u8; 32]) -> Slot {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let held = known.iter().position(|one| one.key == key).and_then(|at| known.remove(at));
        let held = held.unwrap_or_else(|| Known { key, slot: Slot::default(), bytes: 0 });
        let slot = Arc::clone(&held.slot);
        known.push_back(held);
        slot
    }

    /// Notes how large a document is, and lets those go that were not used for longest when all are too many.
    fn settle(&self, key: &[u8; 32], bytes: usize) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(one) = known.iter_mut().find(|one| one.key == *key) {
            one.bytes = bytes;
        }
        while known.len() > 1
            && (known.len() > DOCUMENTS_MAX || known.iter().map(|one| one.bytes).sum::<usize>() > BYTES_MAX)
        {
            known.pop_front();
        }
    }

    /// The document as it is now: what is held when that is fresh or still the same, else what is there.
    async fn refreshed(
        &self,
        source: &Source<'_>,
        held: Option<Held>,
    ) -> Result<Option<Held>, ActionFailure> {
        if let Some(text) = &source.text {
            if held.is_some() {
                return Ok(held);
            }
            let (document, outcome) = parsed(source.uri().to_owned(), text.clone()).await?;
            return Ok(Some(Held {
                document,
                outcome,
                etag: None,
                modified: None,
                fresh_until: Instant::now(),
            }));
        }
        let Some(place) = &source.place else { return Ok(held) };
        if held.as_ref().is_some_and(|held| Instant::now() < held.fresh_until) {
            return Ok(held);
        }
        let mut headers = HeaderMap::new();
        // That the first file is the same says nothing of the others.
        if let Some(held) = held.as_ref().filter(|held| held.document.files() == 1) {
            headers.extend(held.etag.clone().map(|etag| (IF_NONE_MATCH, etag)));
            headers.extend(held.modified.clone().map(|modified| (IF_MODIFIED_SINCE, modified)));
        }
        let answer = match (self.fetch(source, place, headers).await, held) {
            (Ok(answer), Some(mut held)) if answer.status == StatusCode::NOT_MODIFIED => {
                held.fresh_until = fresh_until(&answer.headers);
                return Ok(Some(held));
            }
            // The document server is down; what it said last is better than no repair.
            (Err(error), Some(mut held)) if error.retry != Retry::Permanent => {
                tracing::warn!(document = %place, %error, "An OpenAPI document is used as it was last read.");
                held.fresh_until = Instant::now() + FRESH;
                return Ok(Some(held));
            }
            (answer, _) => answer?,
        };
        let validator = |name| answer.headers.get(name).cloned();
        let (etag, modified) = (validator(ETAG), validator(LAST_MODIFIED));
        let fresh_until = fresh_until(&answer.headers);
        let (document, outcome) = parsed(answer.url.to_string(), text(place, answer)?).await?;
        Ok(Some(Held { document, outcome, etag, modified, fresh_until }))
    }

    async fn fetch_missing(
        &self,
        source: &Source<'_>,
        documents: &[String],
    ) -> Result<Vec<(String, String)>, ActionFailure> {
        let mut fetched = Vec::with_capacity(documents.len());
        for some in documents.chunks(AT_A_TIME) {
            let texts = join_all(some.iter().map(|uri| async move {
                let place = url(uri).map_err(|_| {
                    configuration(format!(
                        "the OpenAPI document refers to {:?}, which cannot be fetched; give the document as an endpoint",
                        receive::limits::cut(uri, 200)
                    ))
                })?;
                text(&place, self.fetch(source, &place, HeaderMap::new()).await?)
            }));
            for (uri, text) in some.iter().zip(texts.await) {
                fetched.push((uri.clone(), text?));
            }
        }
        Ok(fetched)
    }

    /// Asks for a file. Only the origin of the document itself is told who asks.
    async fn fetch(
        &self,
        source: &Source<'_>,
        place: &Url,
        mut headers: HeaderMap,
    ) -> Result<Answer, ActionFailure> {
        let same = source.place.as_ref().is_some_and(|own| own.origin() == place.origin());
        let authentication = source.authentication.filter(|_| same).map(auth::read).transpose()?;
        headers.insert(ACCEPT, HeaderValue::from_static("application/json, application/yaml, */*;q=0.5"));
        let request = Request {
            method: Method::GET,
            url: place.clone(),
            headers,
            body: Bytes::new(),
            authentication,
            follow: true,
        };
        let asked = self.web.exchange_up_to(&request, FILE_BYTES_MAX).await;
        let judged = asked.and_then(|answer| match answer.status {
            StatusCode::NOT_MODIFIED => Ok(answer),
            _ => answer.judge(false).map(|()| answer),
        });
        // Nothing of the call itself has been done yet.
        judged.map_err(|mut failure| {
            failure.message = format!("the OpenAPI document cannot be read: {}", failure.message);
            if failure.retry == Retry::Exhausted {
                failure.retry = Retry::Temporary;
            }
            failure
        })
    }
}

/// Until when an answer need not be asked for again (RFC 9111, 5.2.2).
fn fresh_until(headers: &HeaderMap) -> Instant {
    let told = headers.get(CACHE_CONTROL).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut fresh = FRESH;
    for directive in told.split(',').map(str::trim) {
        if directive.eq_ignore_ascii_case("no-cache") || directive.eq_ignore_ascii_case("no-store") {
            fresh = Duration::ZERO;
        } else if let Some(seconds) =
            directive.strip_prefix("max-age=").and_then(|seconds| seconds.parse().ok())
        {
            fresh = FRESH_MAX.min(Duration::from_secs(seconds));
        }
    }
    Instant::now() + fresh
}

fn text(at: &Url, answer: Answer) -> Result<String, ActionFailure> {
    String::from_utf8(answer.body).map_err(|_| {
        let message = format!("the OpenAPI document at {} is not UTF-8; save it as UTF-8", place(at));
        ActionFailure::new(FailureKind::Communication, Retry::Permanent, message).with_status(502)
    })
}

/// Reads a document on a thread of its own: large ones take a while.
async fn parsed(uri: String, text: String) -> Result<(Document, Outcome), ActionFailure> {
    blocking(move || Document::read(&uri, text, &Bounds::default())).await
}

/// The same document with more of its files.
async fn extended(
    mut document: Document,
    texts: Vec<(String, String)>,
) -> Result<(Document, Outcome), ActionFailure> {
    blocking(move || {
        for (uri, text) in texts {
            document.add(&uri, text)?;
        }
        Ok(document)
    })
    .await
}

/// A document, and what it says as far as its files are there.
async fn blocking(
    read: impl FnOnce() -> Result<Document, openapi::Diagnostic> + Send + 'static,
) -> Result<(Document, Outcome), ActionFailure> {
    let read = tokio::task::spawn_blocking(move || {
        let document = read()?;
        let outcome = document.api();
        Ok((document, outcome))
    });
    let read = read
        .await
        .map_err(|_| configuration("reading the OpenAPI document failed; report this with the document"))?;
    read.map_err(|error: openapi::Diagnostic| configuration(error.to_string()))
}
