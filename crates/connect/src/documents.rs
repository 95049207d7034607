//! OpenAPI documents from where people keep them, with everything they refer to: a file, an address, or a text that is there
//! already. What may be read is narrow: files below the folder of the document, addresses of this machine, and hosts
//! that were allowed by name.
//!
//! Reading is done on threads of its own, because a large document takes a while. Deliberately absent: what workflows call
//! (`functions::openapi`), which keeps documents and fetches only what one operation needs.

mod files;
mod hosts;

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;
use openapi::api::Location;
use openapi::{Bounds, Diagnostic, Document, Outcome, Severity};
use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use reqwest::{Method, Url};

use crate::functions::{Limits, Request, Web, url};

use files::Folder;
use hosts::Hosts;

/// Rounds of files that lead to files.
const ROUNDS_MAX: usize = 64;
/// Files that are read at the same time.
const AT_A_TIME: usize = 8;

/// What may be read besides the document itself.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    /// Hosts that addresses may name besides those of this machine: `api.example.com`, `*.example.com`.
    pub hosts: Vec<String>,
    /// Which files references may name.
    pub files: FileReach,
    /// How the reader can allow a host, said when one is refused: `--allow-url {host}`.
    pub allow_host: &'static str,
    /// How the reader can allow files, said when one is refused.
    pub allow_files: &'static str,
}

/// Which files references may name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FileReach {
    /// None.
    #[default]
    None,
    /// Those in the document's folder and below.
    Below,
    /// Every one that can be read.
    Any,
}

/// Where a document is.
#[derive(Clone, Debug)]
pub enum From {
    /// In a file.
    File(PathBuf),
    /// At an address.
    Url(String),
    /// Here.
    Text {
        /// What messages call it; references are taken from there.
        name: String,
        /// The document.
        text: String,
    },
}

/// How far reading is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The document itself is read.
    Reading,
    /// Files that it refers to are read.
    Fetching {
        /// How many are there.
        done: usize,
        /// How many are known to be needed; more may come.
        of: usize,
    },
}

/// Reads documents.
#[derive(Clone)]
pub struct Documents {
    web: Arc<Web>,
    hosts: Arc<Hosts>,
    reach: Arc<Reach>,
    bounds: Bounds,
}

impl Documents {
    /// A reader within these rules. Of `limits`, where requests may go is replaced by them.
    ///
    /// # Errors
    /// A host is none; the limits cannot be kept (see [`Web::new`]).
    pub fn new(reach: Reach, bounds: Bounds, limits: Limits) -> Result<Self, String> {
        let hosts = Hosts::new(&reach.hosts)?;
        let web = Web::new(Limits { egress: hosts.egress()?, ..limits })?;
        Ok(Self { web: Arc::new(web), hosts: Arc::new(hosts), reach: Arc::new(reach), bounds })
    }

    /// Reads a document. What it refers to and cannot be had counts as anything; the outcome's diagnostics say what and why.
    ///
    /// # Errors
    /// The document itself cannot be had (`not-fetched`), is neither JSON nor YAML, or no OpenAPI document.
    pub async fn read(
        &self,
        from: From,
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<Outcome, Diagnostic> {
        progress(Progress::Reading);
        let (uri, text, folder) = self.first(from).await?;
        let bounds = self.bounds;
        let at = uri.clone();
        let mut read = blocking(&at, move || {
            let document = Document::read(&uri, text, &bounds)?;
            let outcome = document.api();
            Ok((document, outcome))
        })
        .await?;
        let mut done = 0;
        for _ in 0..ROUNDS_MAX {
            let (mut document, outcome) = read;
            if outcome.missing.is_empty() {
                return Ok(outcome);
            }
            let mut texts = Vec::with_capacity(outcome.missing.len());
            for some in outcome.missing.chunks(AT_A_TIME) {
                progress(Progress::Fetching { done, of: done + outcome.missing.len() - texts.len() });
                let asked = some.iter().map(async |uri| {
                    let text = self.other(uri, folder.as_ref()).await;
                    (uri.clone(), text)
                });
                texts.extend(join_all(asked).await);
                done += some.len();
            }
            drop(outcome);
            read = blocking(&at, move || {
                for (uri, text) in texts {
                    match text {
                        // What cannot be read is noted as what cannot be had.
                        Ok(text) => document.add(&uri, text).unwrap_or(()),
                        Err(why) => document.lack(&uri, why),
                    }
                }
                let outcome = document.api();
                Ok((document, outcome))
            })
            .await?;
        }
        Ok(read.1)
    }

    /// The document itself: its URI, its text, and the folder that its files must be in.
    async fn first(&self, from: From) -> Result<(String, String, Option<Folder>), Diagnostic> {
        match from {
            From::Text { name, text } => {
                let folder = self.folder(".".into());
                Ok((name, text, folder))
            }
            From::Url(address) => {
                let fetched = self.fetched(&address).await;
                let (url, text) = fetched.map_err(|why| not_fetched(&address, why))?;
                Ok((url, text, None))
            }
            From::File(path) => {
                let uri = path.display().to_string();
                let bytes_max = self.bounds.file_bytes;
                let read = {
                    let path = path.clone();
                    tokio::task::spawn_blocking(move || files::read(&path, bytes_max)).await
                };
                let text = read.map_err(|error| error.to_string()).and_then(|text| text);
                let text = text.map_err(|why| not_fetched(&uri, why))?;
                Ok((uri, text, self.folder(files::parent(&path))))
            }
        }
    }

    fn folder(&self, path: PathBuf) -> Option<Folder> {
        match self.reach.files {
            FileReach::None => None,
            FileReach::Below => Some(Folder::Below(path)),
            FileReach::Any => Some(Folder::Any),
        }
    }

    /// A file that the document refers to.
    async fn other(&self, uri: &str, folder: Option<&Folder>) -> Result<String, String> {
        if uri.starts_with("http://") || uri.starts_with("https://") {
            return self.fetched(uri).await.map(|(_, text)| text);
        }
        let Some(folder) = folder.cloned() else {
            return Err("files are not read here; give the document in one file or at an address".to_owned());
        };
        let (uri, bytes_max, advice) = (uri.to_owned(), self.bounds.file_bytes, self.reach.allow_files);
        let read = tokio::task::spawn_blocking(move || folder.read(&uri, bytes_max, advice)).await;
        read.map_err(|error| error.to_string()).and_then(|text| text)
    }

    /// A text by its address, and where it was found in the end.
    async fn fetched(&self, address: &str) -> Result<(String, String), String> {
        let url = url(address).map_err(|failure| failure.message)?;
        self.hosts.check(&url, self.reach.allow_host)?;
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json, application/yaml, */*;q=0.5"));
        let request = Request {
            method: Method::GET,
            url: without_fragment(url),
            headers,
            body: Bytes::new(),
            authentication: None,
            follow: true,
        };
        let answer = self.web.exchange_up_to(&request, self.bounds.file_bytes).await;
        let answer = answer.and_then(|answer| answer.judge(false).map(|()| answer));
        let answer = answer.map_err(|failure| failure.message)?;
        let text = String::from_utf8(answer.body);
        let text = text.map_err(|_| "it is not UTF-8; save it as UTF-8".to_owned())?;
        Ok((answer.url.to_string(), text))
    }
}

fn without_fragment(mut url: Url) -> Url {
    url.set_fragment(None);
    url
}

/// Does it on a thread of its own.
async fn blocking<T: Send + 'static>(
    uri: &str,
    work: impl FnOnce() -> Result<T, Diagnostic> + Send + 'static,
) -> Result<T, Diagnostic> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| {
        Err(not_fetched(uri, "reading it failed here; report this with the document".to_owned()))
    })
}

fn not_fetched(uri: &str, message: String) -> Diagnostic {
    Diagnostic {
        code: "not-fetched",
        severity: Severity::Error,
        message,
        suggestion: None,
        location: Location { file: uri.to_owned(), line: 1, column: 1, pointer: String::new() },
    }
}
