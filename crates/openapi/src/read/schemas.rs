//! Schemas: ids and names, references, annotations. What a schema allows is in `schemas/`.

mod circles;
mod compose;
mod discriminators;
mod enums;
mod kinds;
mod names;

use serde_json::{Number, Value};

use super::reader::{Reader, clip};
use super::spot::Spot;
use crate::api::{At, Kind, Limits, More, Schema, SchemaId, Version};
use crate::diagnostic::Severity;
use crate::tree::{Word, number};
use crate::words;

/// Keywords that only describe, besides extensions.
const ANNOTATIONS: [Word; 12] = [
    words::TITLE,
    words::DESCRIPTION,
    words::DEFAULT,
    words::EXAMPLE,
    words::EXAMPLES,
    words::READ_ONLY,
    words::WRITE_ONLY,
    words::DEPRECATED,
    words::NULLABLE,
    words::EXTERNAL_DOCS,
    words::COMMENT,
    words::SUMMARY,
];

/// The first schema allows anything. It stands where the document says nothing, or too much.
pub(crate) const ANYTHING: SchemaId = SchemaId::FIRST;

impl Schema {
    pub(crate) fn empty(at: At) -> Self {
        Self {
            name: None,
            kind: Kind::Any,
            nullable: false,
            read_only: false,
            write_only: false,
            deprecated: false,
            title: None,
            description: None,
            default: None,
            limits: None,
            discriminator: None,
            more: None,
            at,
        }
    }
}

/// Whether a key of a schema only describes it.
pub(super) fn describes(name: &str) -> bool {
    name.starts_with("x-") || name == "xml" || ANNOTATIONS.iter().any(|word| word.text == name)
}

/// Whether a schema only describes, and allows anything.
pub(super) fn only_describes(spot: Spot<'_>) -> bool {
    spot.node.is_object() && spot.all().all(|(name, _)| describes(name))
}

impl<'t> Reader<'t> {
    /// Gives ids to the named schemas of the document, so that they come in its order.
    pub(crate) fn announce_schemas(&mut self) {
        let Some(schemas) = self.component_schemas() else { return };
        for (name, spot) in schemas.all() {
            // A component that is nothing but a reference to something without a name gives it its own.
            let alone = spot.node.len() == 1;
            let target = spot.reference().filter(|_| alone).and_then(|reference| {
                let target = self.target(spot, reference)?;
                let named = self.is_component(target) || target.reference().is_some();
                (!named && self.made(target).is_none()).then_some(target)
            });
            let made = target.unwrap_or(spot);
            let id = self.allocate(made);
            if target.is_some() {
                self.remember(spot, id);
            }
            self.name(id, name);
            self.queue.push_back((id, made));
        }
    }

    fn is_component(&mut self, spot: Spot<'t>) -> bool {
        let Some(schemas) = self.component_schemas() else { return false };
        spot.file == schemas.file && spot.node.parent() == Some(schemas.node.id())
    }

    /// Reads what was announced or referred to, until nothing is left.
    pub(crate) fn read_schemas(&mut self) {
        while let Some((id, spot)) = self.queue.pop_front() {
            self.fill(id, spot);
        }
    }

    fn made(&self, spot: Spot<'t>) -> Option<SchemaId> {
        let id = *self.made[spot.file as usize].get(spot.node.id() as usize)?;
        (id > 0).then(|| SchemaId::new(id as usize - 1))
    }

    fn remember(&mut self, spot: Spot<'t>, id: SchemaId) {
        let made = &mut self.made[spot.file as usize];
        if made.is_empty() {
            made.resize(spot.node.tree().len(), 0);
        }
        made[spot.node.id() as usize] = id.index() as u32 + 1;
    }

    /// A schema without content, for this value.
    fn allocate(&mut self, spot: Spot<'t>) -> SchemaId {
        let id = self.push(Schema::empty(spot.at()));
        self.remember(spot, id);
        id
    }

    pub(super) fn push(&mut self, schema: Schema) -> SchemaId {
        if self.schemas.len() >= self.bounds.schemas {
            let most = self.bounds.schemas;
            let message =
                format!("there are more than {most} schemas; this and later ones count as anything");
            self.say("too-many-schemas", Severity::Error, schema.at, message, "split the document");
            return ANYTHING;
        }
        self.schemas.push(schema);
        SchemaId::new(self.schemas.len() - 1)
    }

    /// The schema of a value, or where its reference leads.
    pub(crate) fn schema(&mut self, spot: Spot<'t>) -> SchemaId {
        if let Some(id) = self.made(spot) {
            return id;
        }
        if let Some(reference) = self.plain_reference(spot) {
            return match self.referred(spot, reference) {
                Some(id) => id,
                None => self.unknown(spot, reference),
            };
        }
        let id = self.allocate(spot);
        self.fill(id, spot);
        id
    }

    /// A reference with nothing beside it that matters.
    fn plain_reference(&self, spot: Spot<'t>) -> Option<&'t str> {
        let reference = spot.reference().or_else(|| spot.node.get(words::DYNAMIC_REF)?.text())?;
        let alone = spot.node.len() == 1 || spot.all().all(|(name, _)| name.starts_with('$'));
        alone.then_some(reference)
    }

    /// The schema that a reference leads to; it has a name from now on.
    pub(super) fn referred(&mut self, from: Spot<'t>, reference: &'t str) -> Option<SchemaId> {
        let target = self.target(from, reference)?;
        if let Some(id) = self.made(target) {
            if self.schemas[id.index()].name.is_none() {
                self.name_by_place(id, target);
            }
            return Some(id);
        }
        let id = self.allocate(target);
        self.name_by_place(id, target);
        self.queue.push_back((id, target));
        Some(id)
    }

    /// Anything, in the place of what a broken reference should lead to.
    fn unknown(&mut self, spot: Spot<'t>, reference: &str) -> SchemaId {
        let id = self.allocate(spot);
        if let Some(uri) = self.is_missing(spot, reference) {
            self.missing_schemas.push((id, uri.into()));
        }
        id
    }

    /// Reads a schema into its place.
    pub(super) fn fill(&mut self, id: SchemaId, spot: Spot<'t>) {
        if id == ANYTHING {
            return;
        }
        let mut schema = Schema::empty(spot.at());
        if spot.node.is_object() {
            self.annotate(&mut schema, spot);
            self.shape(&mut schema, id, spot);
        } else {
            schema.kind = self.odd(spot);
        }
        schema.name = self.schemas[id.index()].name.take();
        self.schemas[id.index()] = schema;
    }

    /// What is no object: a truth, or something that should not be there.
    fn odd(&mut self, spot: Spot<'t>) -> Kind {
        match spot.node.truth() {
            Some(true) => Kind::Any,
            Some(false) => Kind::Never,
            None => {
                let message = "a schema must be an object; this one counts as anything";
                self.warn("schema-not-object", spot.at(), message, "write `{}` if anything is meant");
                Kind::Any
            }
        }
    }

    fn annotate(&mut self, schema: &mut Schema, spot: Spot<'t>) {
        schema.read_only = spot.flag(words::READ_ONLY);
        schema.write_only = spot.flag(words::WRITE_ONLY);
        schema.deprecated = spot.flag(words::DEPRECATED);
        schema.title = self.prose(spot, words::TITLE).map(Into::into);
        schema.description = self.prose(spot, words::DESCRIPTION).map(Into::into);
        schema.default = spot.get(words::DEFAULT).map(|value| Box::new(value.node.value()));
        let mut more = More {
            external_docs: self.external_docs(spot),
            comment: spot.text(words::COMMENT).map(Into::into),
            ..More::default()
        };
        if let Some(examples) = spot.get(words::EXAMPLES) {
            // A list in JSON Schema; some documents have a map, as elsewhere.
            let values = examples.items().chain(examples.all().map(|(_, value)| value));
            more.examples.extend(values.map(|value| self.data(value)));
        }
        if let Some(example) = spot.get(words::EXAMPLE) {
            more.examples.push(self.data(example));
        }
        if spot.node.any_name(|name| name.starts_with("x-")) {
            more.extensions = self.extensions(spot);
        }
        let empty = more.examples.is_empty()
            && more.extensions.is_empty()
            && more.external_docs.is_none()
            && more.comment.is_none();
        schema.more = (!empty).then(|| Box::new(more));
    }

    /// What a type cannot say.
    pub(super) fn limits(&mut self, spot: Spot<'t>) -> Option<Box<Limits>> {
        let mut limits = Limits {
            multiple_of: self.numeric(spot, words::MULTIPLE_OF),
            min_length: self.count(spot, words::MIN_LENGTH),
            max_length: self.count(spot, words::MAX_LENGTH),
            pattern: spot.get(words::PATTERN).and_then(|pattern| pattern.node.text()).map(Into::into),
            min_items: self.count(spot, words::MIN_ITEMS),
            max_items: self.count(spot, words::MAX_ITEMS),
            unique_items: spot.flag(words::UNIQUE_ITEMS),
            min_properties: self.count(spot, words::MIN_PROPERTIES),
            max_properties: self.count(spot, words::MAX_PROPERTIES),
            ..Limits::default()
        };
        (limits.minimum, limits.exclusive_minimum) =
            self.bound(spot, words::MINIMUM, words::EXCLUSIVE_MINIMUM);
        (limits.maximum, limits.exclusive_maximum) =
            self.bound(spot, words::MAXIMUM, words::EXCLUSIVE_MAXIMUM);
        if let Some(not) = spot.get(words::NOT) {
            limits.not = Some(self.schema(not));
        }
        (limits != Limits::default()).then(|| Box::new(limits))
    }

    /// A limit and the one that excludes itself: a truth beside the limit until 3.0, a number of its own since.
    fn bound(&mut self, spot: Spot<'t>, limit: Word, exclusive: Word) -> (Option<Number>, Option<Number>) {
        let plain = self.numeric(spot, limit);
        match spot.get(exclusive) {
            None => (plain, None),
            Some(said) => match said.node.truth() {
                Some(true) => (None, plain),
                Some(false) => (plain, None),
                None => (plain, self.numeric(spot, exclusive)),
            },
        }
    }

    fn numeric(&mut self, spot: Spot<'t>, word: Word) -> Option<Number> {
        let said = spot.get(word)?;
        if let Some(Value::Number(found)) = said.node.scalar().map(number) {
            return Some(found);
        }
        let message = format!("`{}` is no number; it is left out", word.text);
        self.warn("limit-not-number", said.at(), message, "write a number without quotes");
        None
    }

    fn count(&mut self, spot: Spot<'t>, word: Word) -> Option<u64> {
        let number = self.numeric(spot, word)?;
        // Some tools write whole numbers as 5.0.
        number
            .as_u64()
            .or_else(|| number.as_f64().filter(|n| *n >= 0.0 && n.fract() == 0.0).map(|n| n as u64))
    }

    /// Whether beside a reference something is said that counts in this version.
    pub(super) fn counts_beside_references(&self) -> bool {
        self.version >= Version::V3_1
    }

    pub(super) fn ignored_beside(&mut self, spot: Spot<'t>, name: &str) {
        let message = format!("{:?} beside `$ref` says nothing in this version", clip(name));
        let suggestion = "put the reference into `allOf`, or take it out";
        self.say("beside-reference", Severity::Note, spot.at(), message, suggestion);
    }
}
