//! Where references lead, in any of the files. Each is looked up once; what is wrong with it is said once.

use std::collections::HashMap;

use super::reader::{Reader, clip};
use super::spot::Spot;
use crate::api::{At, Version};
use crate::diagnostic::Severity;
use crate::tree::Node;
use crate::{uri, words};

/// Most references that lead to each other, or through each other.
const CHAIN_MAX: usize = 64;
/// Objects with more fields get an index when a reference first leads into them.
const INDEX_FROM: usize = 64;
/// Where 2.0 keeps what 3.x keeps in `components`.
const MOVED: [(&str, &str); 4] = [
    ("/definitions/", "/components/schemas/"),
    ("/parameters/", "/components/parameters/"),
    ("/responses/", "/components/responses/"),
    ("/securityDefinitions/", "/components/securitySchemes/"),
];

/// What was looked up before.
#[derive(Default)]
pub(crate) struct Links<'t> {
    resolved: HashMap<(u32, &'t str), Option<At>>,
    indexes: HashMap<At, HashMap<&'t str, Node<'t>>>,
    anchors: HashMap<u32, HashMap<&'t str, Node<'t>>>,
    schemas: Option<Option<Spot<'t>>>,
    /// How many references the one that is looked up leads through.
    depth: usize,
}

impl<'t> Reader<'t> {
    /// The value itself, or where its reference leads; nothing when that is said to be broken or missing.
    pub(crate) fn follow(&mut self, spot: Spot<'t>) -> Option<Spot<'t>> {
        let mut at = spot;
        for _ in 0..CHAIN_MAX {
            let Some(reference) = at.reference() else { return Some(at) };
            at = self.target(at, reference)?;
        }
        self.circle(spot);
        None
    }

    pub(super) fn circle(&mut self, spot: Spot<'t>) {
        let message =
            format!("the reference {:?} leads in a circle", clip(spot.reference().unwrap_or_default()));
        self.say("reference-circle", Severity::Error, spot.at(), message, "let one of them be a value");
    }

    /// Where a reference leads, one step.
    pub(crate) fn target(&mut self, from: Spot<'t>, reference: &'t str) -> Option<Spot<'t>> {
        if let Some(known) = self.links.resolved.get(&(from.file, reference)) {
            let known = *known;
            if known.is_none() {
                self.missing_here.extend(self.is_missing(from, reference));
            }
            return known.map(|at| self.spot(at));
        }
        // Whoever looks for himself on the way finds nothing.
        self.links.resolved.insert((from.file, reference), None);
        if self.links.depth >= CHAIN_MAX {
            return None;
        }
        self.links.depth += 1;
        let found = self.look_up(from, reference);
        self.links.depth -= 1;
        self.links.resolved.insert((from.file, reference), found.map(Spot::at));
        found
    }

    /// The URI of the other file that a reference names.
    fn other(&self, file: u32, reference: &str) -> Option<String> {
        let document = reference.split('#').next().unwrap_or_default();
        (!document.is_empty()).then(|| uri::join(self.files.uri(file), document))
    }

    /// The file that a reference leads to, when it is not there.
    pub(crate) fn is_missing(&self, from: Spot<'t>, reference: &str) -> Option<String> {
        self.other(from.file, reference).filter(|uri| self.missing.contains_key(uri))
    }

    fn look_up(&mut self, from: Spot<'t>, reference: &'t str) -> Option<Spot<'t>> {
        let fragment = reference.split_once('#').map_or("", |(_, fragment)| fragment);
        let file = match self.other(from.file, reference) {
            None => from.file,
            Some(other) => match self.by_uri.get(other.as_str()) {
                Some(file) => *file,
                None => return self.in_other_words(reference).or_else(|| self.lacks(from, other)),
            },
        };
        let top = Spot { file, node: self.files.trees[file as usize].root() };
        let decoded = if fragment.contains('%') { uri::decode(fragment) } else { fragment.to_owned() };
        let found = if decoded.is_empty() { Some(top) } else { self.walk(top, &decoded) }
            .or_else(|| self.moved(top, &decoded))
            .or_else(|| self.anchor(top, &decoded))
            .or_else(|| self.in_other_words(&decoded));
        if found.is_none() && self.tells("reference-broken") {
            let message = format!("the reference {:?} leads nowhere", clip(reference));
            let suggestion = self.similar(top, &decoded);
            self.say("reference-broken", Severity::Error, from.at(), message, &suggestion);
        }
        found
    }

    /// A JSON pointer (RFC 6901); it may go through references.
    fn walk(&mut self, top: Spot<'t>, pointer: &str) -> Option<Spot<'t>> {
        let mut spot = top;
        for step in pointer.strip_prefix('/')?.split('/') {
            spot = match self.step(spot, step) {
                Some(found) => found,
                None => {
                    let target = self.target(spot, spot.reference()?)?;
                    self.step(target, step)?
                }
            };
        }
        Some(spot)
    }

    fn step(&mut self, spot: Spot<'t>, step: &str) -> Option<Spot<'t>> {
        if spot.node.len() <= INDEX_FROM || !spot.node.is_object() {
            return spot.pointer(&format!("/{step}"));
        }
        let index = self.links.indexes.entry(spot.at()).or_insert_with(|| spot.node.entries().collect());
        let node = if step.contains('~') {
            index.get(step.replace("~1", "/").replace("~0", "~").as_str())
        } else {
            index.get(step)
        };
        node.map(|node| Spot { file: spot.file, node: *node })
    }

    /// A place of one version, in a document of another.
    fn moved(&mut self, top: Spot<'t>, pointer: &str) -> Option<Spot<'t>> {
        let other = MOVED.iter().find_map(|(old, new)| {
            let other = pointer.strip_prefix(old).map(|rest| format!("{new}{rest}"));
            other.or_else(|| pointer.strip_prefix(new).map(|rest| format!("{old}{rest}")))
        });
        self.walk(top, &other?)
    }

    /// `#name` of JSON Schema: the value with this `$anchor` or `$id`.
    fn anchor(&mut self, top: Spot<'t>, name: &str) -> Option<Spot<'t>> {
        if name.is_empty() || name.contains('/') {
            return None;
        }
        let anchors = self.links.anchors.entry(top.file).or_insert_with(|| anchors(top.node));
        anchors.get(name).map(|node| Spot { file: top.file, node: *node })
    }

    /// What is there instead, for people.
    fn similar(&self, top: Spot<'t>, pointer: &str) -> String {
        let holder = pointer.rsplit_once('/').and_then(|(parent, last)| Some((top.pointer(parent)?, last)));
        let plain = |name: &str| name.to_ascii_lowercase().replace(['_', '-', '.', ' '], "");
        let close = holder.and_then(|(holder, last)| {
            holder.all().map(|(name, _)| name).find(|name| plain(name) == plain(last))
        });
        close.map_or_else(
            || "correct it, or add what it names".to_owned(),
            |name| format!("perhaps {name:?} is meant"),
        )
    }

    fn lacks(&mut self, from: Spot<'t>, other: String) -> Option<Spot<'t>> {
        if !self.missing.contains_key(&other) {
            self.missing.insert(other.clone(), from.at());
            let why = self.unavailable.get(&other).map_or("it was not given", String::as_str);
            let message = format!("the file {:?} cannot be had: {}", clip(&other), clip(why));
            let suggestion = "put it where the reference leads; what it describes counts as anything";
            self.say("file-missing", Severity::Error, from.at(), message, suggestion);
        }
        self.missing_here.push(other);
        None
    }

    /// Old documents say `Pet` for `#/definitions/Pet`; some leave out a slash.
    pub(super) fn in_other_words(&mut self, reference: &str) -> Option<Spot<'t>> {
        let name = reference.strip_prefix("definitions/").unwrap_or(reference);
        let name = name.strip_prefix("components/schemas/").unwrap_or(name);
        if name.is_empty() || name.contains(['/', '#', '~']) {
            return None;
        }
        let schemas = self.component_schemas()?;
        self.step(schemas, name)
    }

    /// The map of named schemas; some documents keep it in a file.
    pub(crate) fn component_schemas(&mut self) -> Option<Spot<'t>> {
        if let Some(known) = self.links.schemas {
            return known;
        }
        let root = self.root();
        let new = root.get(words::COMPONENTS).and_then(|components| {
            let components =
                if components.reference().is_some() { self.follow(components)? } else { components };
            components.get(words::SCHEMAS)
        });
        let old = || root.get(words::DEFINITIONS);
        let found = if self.version == Version::V2 { old().or(new) } else { new.or_else(old) };
        // Whoever refers by name alone while this is looked up finds nothing.
        self.links.schemas = Some(None);
        let found = found.and_then(|found| {
            let is_map = found.node.len() == 1 && found.reference().is_some();
            if is_map { self.follow(found) } else { Some(found) }
        });
        self.links.schemas = Some(found);
        found
    }
}

fn anchors(root: Node<'_>) -> HashMap<&str, Node<'_>> {
    let mut found = HashMap::new();
    let mut open = vec![root];
    while let Some(node) = open.pop() {
        let id = node.get(words::ID).and_then(Node::text).and_then(|id| id.strip_prefix('#'));
        for name in node.get(words::ANCHOR).and_then(Node::text).into_iter().chain(id) {
            found.entry(name).or_insert(node);
        }
        open.extend(node.entries().map(|(_, value)| value));
        open.extend(node.items());
    }
    found
}
