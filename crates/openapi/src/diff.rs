//! What changed between two versions of an API, and what that does to programs that were written against the older one.
//!
//! A change breaks when a program that was right before is refused, gets what it was told it would not get, or no longer
//! compiles against a package made of the newer document. The classes follow oasdiff's list of checks; what only shows in
//! packages (ids of operations, arguments that are gone) is counted as well.

mod operations;
mod schemas;

use std::collections::VecDeque;

use crate::api::{Api, At, Location, Operation, SchemaId};
use crate::check::Way;

/// What changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diff {
    /// The changes: those of the whole API, then by operation in the older document's order, new ones last.
    pub changes: Vec<Change>,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Of which kind it is: `parameter-became-required`. Stable.
    pub code: &'static str,
    /// What it does to programs.
    pub impact: Impact,
    /// What changed.
    pub message: String,
    /// Method and path of the operation: `get /pets/{id}`. A schema that many operations use is told of once, where it is
    /// met first.
    pub operation: Option<String>,
    /// Where in the operation: `response 200: [].name`; empty for the operation itself.
    pub place: String,
    /// Where it stood.
    pub old: Option<Location>,
    /// Where it stands.
    pub new: Option<Location>,
}

/// What a change does to programs that were written before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Impact {
    /// Nothing: it is for people.
    Documentation,
    /// Nothing: there is more than before.
    Addition,
    /// Nothing, unless they relied on what was not promised.
    Caution,
    /// It breaks them.
    Breaking,
}

/// What Semantic Versioning asks of the next version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Nothing changed.
    None,
    /// Only documentation changed.
    Patch,
    /// There is more than before.
    Minor,
    /// Something breaks.
    Major,
}

impl Impact {
    /// `breaking`, `caution`, `addition`, `documentation`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Breaking => "breaking",
            Self::Caution => "caution",
            Self::Addition => "addition",
            Self::Documentation => "documentation",
        }
    }
}

impl Step {
    /// `major`, `minor`, `patch`, `none`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Major => "major",
            Self::Minor => "minor",
            Self::Patch => "patch",
            Self::None => "none",
        }
    }
}

impl Diff {
    /// The step of the version that the changes need.
    #[must_use]
    pub fn step(&self) -> Step {
        match self.changes.iter().map(|change| change.impact).max() {
            None => Step::None,
            Some(Impact::Documentation) => Step::Patch,
            Some(Impact::Addition | Impact::Caution) => Step::Minor,
            Some(Impact::Breaking) => Step::Major,
        }
    }

    /// The changes that break.
    pub fn breaking(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(|change| change.impact == Impact::Breaking)
    }
}

/// What changed from one version of an API to another.
#[must_use]
pub fn diff(old: &Api, new: &Api) -> Diff {
    let mut differ = Differ::new(old, new);
    differ.whole();
    differ.operations();
    Diff { changes: differ.changes }
}

/// Most schemas that are compared: variants are compared with each other.
const STEPS_MAX: usize = 500_000;

/// Trials inside trials: a variant of a union that can only be told from another by more of them counts as another type.
const TRIALS_MAX: usize = 8;

/// Most changes that are told.
const CHANGES_MAX: usize = 10_000;

/// Compares two APIs.
struct Differ<'a> {
    old: &'a Api,
    new: &'a Api,
    changes: Vec<Change>,
    operation: Option<String>,
    seen: schemas::Seen,
    /// Pairs of schemas that are compared next, the way they travel and where: one after the other, for they nest deeper
    /// than a stack is.
    waiting: VecDeque<(SchemaId, SchemaId, Way, String)>,
    /// Whether somebody works them off.
    working: bool,
    /// Trials inside trials.
    depth: usize,
    steps: usize,
}

impl<'a> Differ<'a> {
    fn new(old: &'a Api, new: &'a Api) -> Self {
        Self {
            old,
            new,
            changes: Vec::new(),
            operation: None,
            seen: schemas::Seen::default(),
            waiting: VecDeque::new(),
            working: false,
            depth: 0,
            steps: 0,
        }
    }

    fn tell(
        &mut self,
        code: &'static str,
        impact: Impact,
        place: &str,
        (old, new): (Option<At>, Option<At>),
        message: String,
    ) {
        if self.changes.len() >= CHANGES_MAX {
            return;
        }
        self.changes.push(Change {
            code,
            impact,
            message,
            operation: self.operation.clone(),
            place: place.to_owned(),
            old: old.map(|at| self.old.location(at)),
            new: new.map(|at| self.new.location(at)),
        });
    }

    /// What is said of the API as a whole.
    fn whole(&mut self) {
        let (old, new) = (&self.old.info, &self.new.info);
        if old.title != new.title || old.description != new.description {
            let message = "title or description changed".to_owned();
            self.tell("info-changed", Impact::Documentation, "", (None, None), message);
        }
        let urls = |api: &Api| api.servers.iter().map(|server| server.url.clone()).collect::<Vec<_>>();
        let (before, after) = (urls(self.old), urls(self.new));
        for gone in before.iter().filter(|url| !after.contains(url)) {
            let message = format!("the server {gone} is gone");
            self.tell("server-removed", Impact::Caution, "", (None, None), message);
        }
        for scheme in &self.old.security_schemes {
            let same = self.new.security_schemes.iter().find(|other| other.name == scheme.name);
            let ats = (Some(scheme.at), same.map(|same| same.at));
            match same {
                None => {
                    let message = format!("the security scheme {:?} is gone", scheme.name);
                    self.tell("security-scheme-removed", Impact::Caution, "", ats, message);
                }
                Some(same) if kind_of(&same.scheme) != kind_of(&scheme.scheme) => {
                    let message = format!("the security scheme {:?} works otherwise", scheme.name);
                    self.tell("security-scheme-changed", Impact::Breaking, "", ats, message);
                }
                Some(_) => {}
            }
        }
    }
}

/// What a caller must do; not where people read about it.
fn kind_of(scheme: &crate::api::Scheme) -> String {
    use crate::api::Scheme;
    match scheme {
        Scheme::ApiKey { name, place } => format!("key {name} {place:?}"),
        Scheme::Http { scheme, .. } => format!("http {scheme}"),
        Scheme::OAuth2 { flows, .. } => {
            let flows: Vec<_> =
                flows.iter().map(|flow| format!("{:?} {:?}", flow.kind, flow.token_url)).collect();
            format!("oauth {}", flows.join(" "))
        }
        Scheme::OpenIdConnect { url } => format!("oidc {url}"),
        Scheme::MutualTls => "mtls".to_owned(),
        Scheme::Other(other) => other.clone(),
    }
}

/// How an operation is named in changes.
fn named(operation: &Operation) -> String {
    format!("{} {}", operation.method, operation.path)
}
