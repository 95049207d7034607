//! What a schema allows in all: its own types and values, what it is put together from, and null.

use super::super::reader::Reader;
use super::super::spot::Spot;
use super::{describes, only_describes};
use crate::api::{Additional, Kind, Limits, Object, Schema, SchemaId, Union};
use crate::diagnostic::Severity;
use crate::tree::Word;
use crate::words;

/// Keywords that the model does not have.
const UNTOLD: [&str; 9] = [
    "if",
    "dependentSchemas",
    "dependentRequired",
    "dependencies",
    "contains",
    "propertyNames",
    "unevaluatedItems",
    "additionalItems",
    "$recursiveRef",
];

/// The parts that a schema is put together from.
struct Parts {
    ids: Vec<SchemaId>,
    null: bool,
    /// Whether each part says of which type it is.
    typed: bool,
}

impl Parts {
    fn new(ids: Vec<SchemaId>) -> Self {
        Self { ids, null: false, typed: true }
    }
}

impl<'t> Reader<'t> {
    /// Gives a schema its kind, its limits and whether it may be null.
    pub(super) fn shape(&mut self, schema: &mut Schema, id: SchemaId, spot: Spot<'t>) {
        self.untold(spot);
        let flag = spot.flag(words::NULLABLE) || spot.flag(words::X_NULLABLE);
        if let Some(reference) = spot.reference() {
            self.shape_reference(schema, id, spot, reference);
            schema.nullable |= flag;
            return;
        }
        let types = self.types(spot);
        let values = self.values(spot, &types);
        schema.nullable = flag || types.null || values.as_ref().is_some_and(|(_, null)| *null && !types.said);
        let mut parts = Parts::new(Vec::new());
        self.all_of(schema, spot, &mut parts);
        for (word, exclusive) in [(words::ONE_OF, true), (words::ANY_OF, false)] {
            self.one_of(spot, word, exclusive, &mut parts);
        }
        let limits = self.limits(spot);
        let (own, trivial) = match values {
            Some((values, null)) if values.values.is_empty() => {
                schema.nullable |= null;
                (Kind::Null, false)
            }
            Some((values, _)) => (Kind::Enum(Box::new(values)), false),
            // The types beside variants say what these say again.
            None if !parts.ids.is_empty() && (!types.said || parts.typed) && is_trivial(spot) => {
                (Kind::Any, true)
            }
            None => {
                let own = self.own(id, spot, &types);
                let trivial = matches!(own, Kind::Any);
                (own, trivial)
            }
        };
        schema.nullable |= parts.null;
        if matches!(own, Kind::Null) {
            schema.nullable = false;
        }
        self.together(schema, own, trivial, limits, parts, spot);
        self.discriminate(schema, id, spot);
    }

    /// Puts the kind together from what the schema says itself and its parts.
    fn together(
        &mut self,
        schema: &mut Schema,
        own: Kind,
        trivial: bool,
        limits: Option<Box<Limits>>,
        mut parts: Parts,
        spot: Spot<'t>,
    ) {
        if parts.ids.is_empty() {
            (schema.kind, schema.limits) = (own, limits);
            return;
        }
        if trivial {
            schema.limits = limits;
        } else {
            let mut part = Schema::empty(spot.at());
            (part.kind, part.limits) = (own, limits);
            parts.ids.push(self.push(part));
        }
        let [only] = parts.ids[..] else {
            schema.kind = Kind::Intersection(parts.ids);
            return;
        };
        let part = &self.schemas[only.index()];
        if part.name.is_some() {
            schema.kind = Kind::Reference(only);
            return;
        }
        // The one part becomes this schema; what it says about itself counts where this one says nothing.
        schema.nullable |= part.nullable;
        schema.kind = part.kind.clone();
        schema.limits = schema.limits.take().or_else(|| part.limits.clone());
        schema.title = schema.title.take().or_else(|| part.title.clone());
        schema.description = schema.description.take().or_else(|| part.description.clone());
        schema.discriminator = part.discriminator.clone();
        schema.read_only |= part.read_only;
        schema.write_only |= part.write_only;
        schema.deprecated |= part.deprecated;
        schema.default = schema.default.take().or_else(|| part.default.clone());
        if schema.more.is_none() {
            schema.more = part.more.clone();
        }
    }

    fn all_of(&mut self, schema: &mut Schema, spot: Spot<'t>, parts: &mut Parts) {
        let Some(list) = spot.get(words::ALL_OF) else { return };
        let members: Vec<_> = list.list().filter(|member| !member.node.is_null()).collect();
        for member in &members {
            if only_describes(*member) {
                // `allOf: [{$ref: …}, {description: …}]` says something about the whole.
                schema.nullable |= member.flag(words::NULLABLE);
                schema.read_only |= member.flag(words::READ_ONLY);
                schema.write_only |= member.flag(words::WRITE_ONLY);
                schema.deprecated |= member.flag(words::DEPRECATED);
                if schema.description.is_none() {
                    schema.description = self.prose(*member, words::DESCRIPTION).map(Into::into);
                }
                continue;
            }
            if members.len() > 1 && says_only_object(*member) {
                continue;
            }
            parts.typed &= says_type(*member);
            let id = self.schema(*member);
            if !parts.ids.contains(&id) {
                parts.ids.push(id);
            }
        }
        // What is only made of `type: object` parts is one.
        if parts.ids.is_empty()
            && let Some(member) = members.iter().find(|member| !only_describes(**member))
        {
            let id = self.schema(*member);
            parts.ids.push(id);
        }
    }

    fn one_of(&mut self, spot: Spot<'t>, word: Word, exclusive: bool, parts: &mut Parts) {
        let Some(list) = spot.get(word) else { return };
        let mut variants = Vec::new();
        for variant in list.list() {
            if self.is_null(variant) {
                parts.null = true;
            } else {
                variants.push(variant);
            }
        }
        if variants.is_empty() {
            if parts.null {
                let mut nothing = Schema::empty(list.at());
                nothing.kind = Kind::Null;
                let id = self.push(nothing);
                parts.ids.push(id);
                parts.null = false;
            } else {
                let message = format!("`{}` has no variants; it is left out", word.text);
                self.warn("variants-missing", list.at(), message, "add variants");
            }
            return;
        }
        if !variants.iter().any(|variant| says_type(*variant)) && variants.iter().all(|v| v.node.is_object())
        {
            let message = format!(
                "the variants of `{}` differ only in limits; types do not tell them apart",
                word.text
            );
            self.say("variants-alike", Severity::Note, list.at(), message, "");
            return;
        }
        parts.typed &= variants.iter().all(|variant| says_type(*variant));
        if let Some(values) = self.folded(&variants) {
            let mut folded = Schema::empty(list.at());
            folded.kind = Kind::Enum(Box::new(values));
            let id = self.push(folded);
            parts.ids.push(id);
            return;
        }
        let mut ids: Vec<SchemaId> = Vec::with_capacity(variants.len());
        for variant in variants {
            let id = self.schema(variant);
            // Lists of thousands of variants that are the same come from nobody.
            if ids.len() > 2_000 || !ids.contains(&id) {
                ids.push(id);
            }
        }
        let keeps = spot.get(words::DISCRIMINATOR).is_some();
        if let ([only], false) = (&ids[..], keeps) {
            parts.ids.push(*only);
            return;
        }
        let mut union = Schema::empty(list.at());
        union.kind = Kind::Union(Box::new(Union { variants: ids, exclusive }));
        let id = self.push(union);
        parts.ids.push(id);
    }

    /// Whether a schema allows null alone, also behind a reference.
    fn is_null(&mut self, spot: Spot<'t>) -> bool {
        let spot = match spot.reference() {
            Some(_) if spot.node.len() == 1 => match self.follow(spot) {
                Some(target) => target,
                None => return false,
            },
            _ => spot,
        };
        let kind = spot.get(words::TYPE);
        let says_null = kind.is_some_and(|kind| {
            kind.list().count() == 1 && kind.list().all(|one| one.node.text() == Some("null"))
        });
        let constant = spot.node.field(words::CONST).is_some_and(|value| value.is_null());
        let values = spot.get(words::ENUM);
        let only_null = values
            .is_some_and(|values| values.node.len() > 0 && values.node.items().all(|one| one.is_null()));
        says_null || constant || only_null
    }

    /// A reference with something beside it.
    fn shape_reference(&mut self, schema: &mut Schema, id: SchemaId, spot: Spot<'t>, reference: &'t str) {
        let Some(target) = self.referred(spot, reference) else {
            if let Some(uri) = self.is_missing(spot, reference) {
                self.missing_schemas.push((id, uri.into()));
            }
            return;
        };
        schema.kind = Kind::Reference(target);
        if target == id {
            self.circle(spot);
            schema.kind = Kind::Any;
            return;
        }
        let beside =
            |name: &str| !describes(name) && !name.starts_with('$') && !matches!(name, "type" | "required");
        let more: Vec<_> = spot.all().filter(|(name, _)| beside(name)).collect();
        let Some((first, _)) = more.first() else { return };
        if !self.counts_beside_references() {
            self.ignored_beside(spot, first);
            return;
        }
        let types = self.types(spot);
        let mut parts = Parts::new(vec![target]);
        let mut ignored = Schema::empty(spot.at());
        self.all_of(&mut ignored, spot, &mut parts);
        for (word, exclusive) in [(words::ONE_OF, true), (words::ANY_OF, false)] {
            self.one_of(spot, word, exclusive, &mut parts);
        }
        let values = self.values(spot, &types).filter(|(values, _)| !values.values.is_empty());
        let own = match values {
            Some((values, _)) => Kind::Enum(Box::new(values)),
            None => self.own(id, spot, &types),
        };
        let trivial = match &own {
            Kind::Any => true,
            Kind::Object(object) => is_empty(object),
            // A type and a format beside a reference say what that says.
            Kind::Enum(_) | Kind::Array(_) | Kind::Union(_) => false,
            _ => true,
        };
        let limits = self.limits(spot);
        self.together(schema, own, trivial, limits, parts, spot);
    }

    fn untold(&mut self, spot: Spot<'t>) {
        let found = spot.all().find(|(name, _)| UNTOLD.contains(name) && *name != "additionalItems");
        if let Some((name, value)) = found {
            let message = format!("`{name}` is not taken into types; values are only held against the rest");
            self.say("keyword-untold", Severity::Note, value.at(), message, "");
        }
    }
}

/// Whether the schema says nothing itself but of which one type it is.
fn is_trivial(spot: Spot<'_>) -> bool {
    let says = [
        words::PROPERTIES,
        words::ADDITIONAL_PROPERTIES,
        words::PATTERN_PROPERTIES,
        words::ITEMS,
        words::PREFIX_ITEMS,
        words::UNEVALUATED_PROPERTIES,
    ];
    let required = spot.get(words::REQUIRED).is_some_and(|list| list.node.len() > 0);
    !required && !says.iter().any(|word| spot.get(*word).is_some())
}

/// Whether a schema says which values it is about, and not only how large they are.
fn says_type(spot: Spot<'_>) -> bool {
    const SAYING: [&str; 15] = [
        "$ref",
        "type",
        "enum",
        "const",
        "properties",
        "items",
        "prefixItems",
        "allOf",
        "oneOf",
        "anyOf",
        "required",
        "additionalProperties",
        "patternProperties",
        "format",
        "$dynamicRef",
    ];
    spot.node.any_name(|name| SAYING.contains(&name)) || only_describes(spot)
}

/// `{"type": "object"}` and descriptions.
fn says_only_object(spot: Spot<'_>) -> bool {
    spot.text(words::TYPE) == Some("object") && spot.all().all(|(name, _)| name == "type" || describes(name))
}

fn is_empty(object: &Object) -> bool {
    object.properties.is_empty()
        && object.patterns.is_empty()
        && matches!(object.additional, Additional::Unsaid | Additional::Any)
}
