//! The state of reading one document: its files, what was made so far, what was noticed, where references lead.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use super::Bounds;
use super::links::Links;
use super::spot::Spot;
use crate::api::{At, Data, Extensions, ExternalDocs, Files, Schema, SchemaId, Version};
use crate::diagnostic::{Diagnostic, Severity};
use crate::tree::Word;
use crate::words;

/// Most diagnostics of one code.
const SAME_MAX: usize = 50;

/// Reads one document.
pub(crate) struct Reader<'t> {
    pub(crate) files: &'t Files,
    pub(crate) version: Version,
    pub(crate) bounds: Bounds,
    pub(super) by_uri: HashMap<&'t str, u32>,
    pub(crate) schemas: Vec<Schema>,
    /// For each value of each file its schema, when it is one; 0 is none, else one more than the id.
    pub(super) made: Vec<Vec<u32>>,
    /// Schemas that have an id and are not read yet.
    pub(super) queue: VecDeque<(SchemaId, Spot<'t>)>,
    pub(super) named: Vec<SchemaId>,
    pub(super) names: HashSet<Box<str>>,
    pub(super) links: Links<'t>,
    /// Files that are not there, and why when that is known.
    pub(super) unavailable: &'t BTreeMap<String, String>,
    pub(crate) missing: BTreeMap<String, At>,
    pub(super) missing_schemas: Vec<(SchemaId, Box<str>)>,
    pub(super) missing_paths: Vec<String>,
    /// Those of the operation that is being read.
    pub(super) missing_here: Vec<String>,
    pub(super) discriminators: Vec<SchemaId>,
    drafts: Vec<Draft>,
    counts: HashMap<&'static str, usize>,
}

struct Draft {
    code: &'static str,
    severity: Severity,
    message: String,
    suggestion: Option<String>,
    at: At,
}

impl<'t> Reader<'t> {
    pub(crate) fn new(
        files: &'t Files,
        unavailable: &'t BTreeMap<String, String>,
        version: Version,
        bounds: Bounds,
    ) -> Self {
        let by_uri =
            files.trees.iter().enumerate().map(|(at, tree)| (tree.uri.as_str(), at as u32)).collect();
        Self {
            files,
            version,
            bounds,
            by_uri,
            schemas: vec![Schema::empty(At { file: 0, node: 0 })],
            made: vec![Vec::new(); files.trees.len()],
            queue: VecDeque::new(),
            named: Vec::new(),
            names: HashSet::new(),
            links: Links::default(),
            unavailable,
            missing: BTreeMap::new(),
            missing_schemas: Vec::new(),
            missing_paths: Vec::new(),
            missing_here: Vec::new(),
            discriminators: Vec::new(),
            drafts: Vec::new(),
            counts: HashMap::new(),
        }
    }

    pub(crate) fn root(&self) -> Spot<'t> {
        Spot { file: 0, node: self.files.trees[0].root() }
    }

    pub(super) fn spot(&self, at: At) -> Spot<'t> {
        Spot { file: at.file, node: self.files.trees[at.file as usize].node(at.node) }
    }

    /// Whether one more of this code would be listed.
    pub(super) fn tells(&self, code: &str) -> bool {
        self.counts.get(code).is_none_or(|count| *count < SAME_MAX)
    }

    pub(crate) fn say(
        &mut self,
        code: &'static str,
        severity: Severity,
        at: At,
        message: impl Into<String>,
        suggestion: &str,
    ) {
        let count = self.counts.entry(code).or_default();
        *count += 1;
        if *count > SAME_MAX || self.drafts.len() >= self.bounds.diagnostics {
            return;
        }
        let suggestion = (!suggestion.is_empty()).then(|| suggestion.to_owned());
        self.drafts.push(Draft { code, severity, message: message.into(), suggestion, at });
    }

    pub(crate) fn warn(&mut self, code: &'static str, at: At, message: impl Into<String>, suggestion: &str) {
        self.say(code, Severity::Warning, at, message, suggestion);
    }

    pub(crate) fn diagnostics(&mut self) -> Vec<Diagnostic> {
        let mut drafts = std::mem::take(&mut self.drafts);
        drafts.sort_by_key(|draft| {
            let node = self.files.trees[draft.at.file as usize].node(draft.at.node);
            (draft.at.file, node.offset(), draft.code)
        });
        let mut told: HashMap<&str, usize> = HashMap::new();
        let mut last: HashMap<&str, usize> = HashMap::new();
        let mut diagnostics = Vec::with_capacity(drafts.len());
        for draft in drafts {
            *told.entry(draft.code).or_default() += 1;
            last.insert(draft.code, diagnostics.len());
            diagnostics.push(Diagnostic {
                code: draft.code,
                severity: draft.severity,
                message: draft.message,
                suggestion: draft.suggestion,
                location: self.files.location(draft.at),
            });
        }
        for (code, at) in last {
            let more = self.counts.get(code).copied().unwrap_or_default().saturating_sub(told[code]);
            if more > 0 {
                diagnostics[at].message += &format!(" (and {more} more like this are not listed)");
            }
        }
        diagnostics
    }

    pub(crate) fn data(&self, spot: Spot<'t>) -> Data {
        Data::new(&self.files.trees[spot.file as usize], spot.node)
    }

    pub(crate) fn extensions(&self, spot: Spot<'t>) -> Extensions {
        let all = spot.all().filter(|(name, _)| name.starts_with("x-"));
        all.map(|(name, value)| (name.into(), self.data(value))).collect()
    }

    /// Text of people; what is no text is said and left out.
    pub(crate) fn prose(&mut self, spot: Spot<'t>, word: Word) -> Option<String> {
        let node = spot.get(word)?;
        if let Some(text) = node.node.text() {
            return Some(text.to_owned());
        }
        // Some documents keep their descriptions in files.
        if node.reference().is_some() {
            return self.follow(node).and_then(|target| target.node.text().map(str::to_owned));
        }
        let message = format!("`{}` is not text", word.text);
        self.warn("not-text", node.at(), message, "put it in quotes");
        node.node.scalar().map(str::to_owned)
    }

    pub(crate) fn external_docs(&mut self, spot: Spot<'t>) -> Option<ExternalDocs> {
        let docs = spot.get(words::EXTERNAL_DOCS)?;
        let url = docs.text(words::URL)?.to_owned();
        Some(ExternalDocs { url, description: self.prose(docs, words::DESCRIPTION) })
    }

    pub(crate) fn into_parts(self) -> Parts {
        let Self { schemas, named, missing_schemas, mut missing_paths, .. } = self;
        missing_paths.sort();
        missing_paths.dedup();
        Parts { schemas, named, missing_schemas, missing_paths }
    }
}

/// What is made of schemas, and what was missing.
pub(crate) struct Parts {
    pub(crate) schemas: Vec<Schema>,
    pub(crate) named: Vec<SchemaId>,
    pub(crate) missing_schemas: Vec<(SchemaId, Box<str>)>,
    pub(crate) missing_paths: Vec<String>,
}

/// Text from outside, short enough for a message.
pub(crate) fn clip(text: &str) -> String {
    crate::error::clip(text)
}
