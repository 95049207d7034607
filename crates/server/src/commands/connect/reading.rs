//! Reads the documents that the command line names, and says on standard error what takes long.

use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use connect::documents::{Documents, FileReach, From, Progress, Reach};
use connect::functions::Limits;
use openapi::{Bounds, Diagnostic, Outcome};

use crate::cli::connect::Reading;
use crate::output::progress;

/// How standard input is called in messages.
const STDIN: &str = "<stdin>";
/// What takes less is not worth a word.
const QUIET: Duration = Duration::from_millis(700);

/// Reads documents as the flags allow it.
///
/// # Errors
/// A host is none.
pub(super) fn reader(reading: &Reading) -> Result<Documents, String> {
    let reach = Reach {
        hosts: reading.allow_url.clone(),
        files: if reading.allow_files { FileReach::Any } else { FileReach::Below },
        allow_host: "add --allow-url {host}",
        allow_files: "add --allow-files",
    };
    Documents::new(reach, Bounds::default(), Limits::default()).map_err(|why| format!("--allow-url: {why}"))
}

/// Reads one.
///
/// # Errors
/// It cannot be had, or is no OpenAPI document: what is wrong and where.
pub(super) async fn read(documents: &Documents, spec: &str, stages: &Stages) -> Result<Outcome, Diagnostic> {
    let from = match spec {
        "-" => From::Text { name: STDIN.to_owned(), text: standard_input().map_err(unread)? },
        _ if spec.starts_with("http://") || spec.starts_with("https://") => From::Url(spec.to_owned()),
        _ => From::File(spec.strip_prefix("file://").unwrap_or(spec).into()),
    };
    let told = |now: Progress| match now {
        Progress::Reading => stages.say(format!("reading {spec}")),
        Progress::Fetching { done, of } => {
            stages.say(format!("reading the files that {spec} refers to: {done} of {of}"));
        }
    };
    documents.read(from, &told).await
}

fn standard_input() -> Result<String, String> {
    let most = Bounds::default().file_bytes;
    let mut bytes = Vec::new();
    let read = std::io::stdin().lock().take(most as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|error| error.to_string())?;
    if bytes.len() > most {
        return Err(format!("it has more than {most} bytes, which is the most that is read"));
    }
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8; convert it".to_owned())
}

fn unread(message: String) -> Diagnostic {
    let location =
        openapi::api::Location { file: STDIN.to_owned(), line: 1, column: 1, pointer: String::new() };
    Diagnostic {
        code: "not-fetched",
        severity: openapi::Severity::Error,
        message,
        suggestion: None,
        location,
    }
}

/// Why a document cannot be used, for people.
pub(super) fn refused(error: &Diagnostic) -> String {
    if error.code == "not-fetched" {
        return format!("cannot read {}: {}", error.location.file, error.message);
    }
    let advice = error.suggestion.as_ref().map(|advice| format!("; {advice}")).unwrap_or_default();
    format!("{}: {}{advice}", error.location, error.message)
}

/// What is being done. Told once it lasts.
#[derive(Clone, Default)]
pub(super) struct Stages {
    now: Arc<Mutex<Option<String>>>,
}

impl Stages {
    /// Something else begins.
    pub(super) fn say(&self, stage: String) {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = Some(stage);
    }

    /// Does it, and tells every so often what stage it is in.
    pub(super) async fn watch<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        loop {
            match tokio::time::timeout(QUIET, work.as_mut()).await {
                Ok(done) => return done,
                Err(_) => {
                    let stage = self.now.lock().unwrap_or_else(PoisonError::into_inner).take();
                    if let Some(stage) = stage {
                        progress(&format!("{stage} …"));
                    }
                }
            }
        }
    }
}
