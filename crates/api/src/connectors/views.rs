//! How connectors look in answers. The command line prints the same with `--json`.

use model::Timestamp;
use openapi::api::{Api, Location};
use openapi::{Change, Diagnostic, Diff};
use serde::{Deserialize, Serialize};
use typescript::{File, Note};

use super::options::ConnectorOptions;

/// Where a connector stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConnectorState {
    /// It waits for its turn, or its document is being read.
    Reading,
    /// Its package is being made.
    Generating,
    /// Its package is there.
    Ready,
    /// No package was made.
    Failed,
}

/// A connector in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ConnectorSummary {
    /// Its id.
    pub id: String,
    /// The API's title; empty until the document is read.
    pub title: String,
    /// The API's version; empty until the document is read.
    pub version: String,
    /// The package's name; empty until it is made.
    pub package: String,
    /// Where it stands.
    pub state: ConnectorState,
    /// What is being done, for people.
    pub stage: String,
    /// How far it is, 0 to 1.
    pub progress: f64,
    /// Why there is no package.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Operations of the API.
    pub operations: usize,
    /// Schemas with a name.
    pub schemas: usize,
    /// Milliseconds from its turn to its end.
    pub took_ms: u64,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// Who asked for it.
    pub by: String,
}

/// A connector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Connector {
    /// What lists show.
    #[serde(flatten)]
    pub summary: ConnectorSummary,
    /// What was noticed in the document, and what the package says less exactly.
    pub diagnostics: Vec<ConnectorDiagnostic>,
    /// The package's files, by path.
    pub files: Vec<ConnectorFile>,
    /// What was asked for.
    pub options: ConnectorOptions,
}

/// Something that was noticed in a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ConnectorDiagnostic {
    /// `error`, `warning` or `note`.
    pub severity: String,
    /// Of which kind it is: `duplicate-operation-id`.
    pub code: String,
    /// What it is.
    pub message: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<String>,
    /// Where.
    #[serde(flatten)]
    pub place: ConnectorPlace,
}

/// A place in a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ConnectorPlace {
    /// The file.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// JSON pointer (RFC 6901) in the file.
    pub pointer: String,
}

/// A file of a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ConnectorFile {
    /// Where it is in the package, with `/` between folders.
    pub path: String,
    /// How large it is.
    pub bytes: usize,
    /// What it is written in: `typescript`, `json`, `markdown`, `text`.
    pub language: String,
}

/// A document to try.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ConnectorSample {
    /// What it is asked for by; its text is at `/connectors/samples/{name}`.
    pub name: String,
    /// The API's title.
    pub title: String,
    /// What it is, in Markdown.
    pub description: String,
    /// The API's version.
    pub version: String,
    /// How many operations it has.
    pub operations: usize,
}

/// What changed between two documents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ConnectorDiff {
    /// The step that the next version needs: `major`, `minor`, `patch` or `none`.
    pub step: String,
    /// How many changes break programs.
    pub breaking: usize,
    /// The API before.
    pub old: ConnectorTitle,
    /// The API after.
    pub new: ConnectorTitle,
    /// The changes: those of the whole API, then by operation.
    pub changes: Vec<ConnectorChange>,
}

/// What an API says it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ConnectorTitle {
    /// Its title.
    pub title: String,
    /// Its version.
    pub version: String,
    /// How many operations it has.
    pub operations: usize,
}

/// A change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ConnectorChange {
    /// Of which kind it is: `parameter-became-required`.
    pub code: String,
    /// What it does to programs: `breaking`, `caution`, `addition` or `documentation`.
    pub impact: String,
    /// What changed.
    pub message: String,
    /// Method and path of the operation; none for the API as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// Where in the operation: `response 200: [].name`.
    pub place: String,
    /// Where it stood.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<ConnectorPlace>,
    /// Where it stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<ConnectorPlace>,
}

impl From<&Location> for ConnectorPlace {
    fn from(location: &Location) -> Self {
        let Location { file, line, column, pointer } = location.clone();
        Self { file, line, column, pointer }
    }
}

impl From<&Diagnostic> for ConnectorDiagnostic {
    fn from(diagnostic: &Diagnostic) -> Self {
        Self {
            severity: diagnostic.severity.name().to_owned(),
            code: diagnostic.code.to_owned(),
            message: diagnostic.message.clone(),
            suggestion: diagnostic.suggestion.clone(),
            place: (&diagnostic.location).into(),
        }
    }
}

impl From<&Note> for ConnectorDiagnostic {
    fn from(note: &Note) -> Self {
        Self {
            severity: "note".to_owned(),
            code: note.code.to_owned(),
            message: note.message.clone(),
            suggestion: None,
            place: (&note.location).into(),
        }
    }
}

/// What was noticed while a document was read and a package was made of it, worst first.
#[must_use]
pub fn diagnostics(read: &[Diagnostic], made: &[Note]) -> Vec<ConnectorDiagnostic> {
    let mut all: Vec<_> = read.iter().map(Into::into).chain(made.iter().map(Into::into)).collect();
    let rank = |one: &ConnectorDiagnostic| match one.severity.as_str() {
        "error" => 0,
        "warning" => 1,
        _ => 2,
    };
    all.sort_by_key(rank);
    all
}

impl From<&File> for ConnectorFile {
    fn from(file: &File) -> Self {
        let ending = file.path.rsplit('/').next().and_then(|name| name.rsplit_once('.')).map(|(_, e)| e);
        let language = match ending {
            Some("ts" | "mts") => "typescript",
            Some("js" | "mjs") => "javascript",
            Some("json") => "json",
            Some("md") => "markdown",
            _ => "text",
        };
        Self { path: file.path.clone(), bytes: file.text.len(), language: language.to_owned() }
    }
}

impl From<&Api> for ConnectorTitle {
    fn from(api: &Api) -> Self {
        let (title, version) = (api.info.title.clone(), api.info.version.clone());
        Self { title, version, operations: api.operations.len() }
    }
}

impl ConnectorDiff {
    /// What changed from one API to another.
    #[must_use]
    pub fn of(diff: &Diff, old: &Api, new: &Api) -> Self {
        let change = |change: &Change| ConnectorChange {
            code: change.code.to_owned(),
            impact: change.impact.name().to_owned(),
            message: change.message.clone(),
            operation: change.operation.clone(),
            place: change.place.clone(),
            old: change.old.as_ref().map(Into::into),
            new: change.new.as_ref().map(Into::into),
        };
        Self {
            step: diff.step().name().to_owned(),
            breaking: diff.breaking().count(),
            old: old.into(),
            new: new.into(),
            changes: diff.changes.iter().map(change).collect(),
        }
    }
}
