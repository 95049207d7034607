//! Changes of schemas. What is sent may only be taken more freely, what comes back only be promised more firmly.

use std::collections::HashSet;

use serde_json::Number;

use super::{Differ, Impact, STEPS_MAX, TRIALS_MAX};
use crate::api::{Additional, Api, At, Enum, Kind, Limits, Property, ScalarType, Schema, SchemaId, Union};
use crate::check::Way;

/// Pairs that were compared.
pub(super) type Seen = HashSet<(SchemaId, SchemaId, Way)>;

/// A schema behind its references.
#[derive(Clone, Copy)]
struct View<'a> {
    api: &'a Api,
    id: SchemaId,
    schema: &'a Schema,
    nullable: bool,
}

impl<'a> View<'a> {
    fn of(api: &'a Api, id: SchemaId) -> Self {
        let mut nullable = api.schema(id).nullable;
        let mut at = id;
        for _ in 0..64 {
            match api.schema(at).kind {
                Kind::Reference(next) => at = next,
                _ => break,
            }
            nullable |= api.schema(at).nullable;
        }
        Self { api, id: at, schema: api.schema(at), nullable }
    }

    /// Whether it is an object put together in some way.
    fn is_object(self) -> bool {
        match &self.schema.kind {
            Kind::Object(_) => true,
            Kind::Intersection(_) => !self.api.properties(self.id).is_empty(),
            _ => false,
        }
    }

    fn additional(self) -> Additional {
        match &self.schema.kind {
            Kind::Object(object) => object.additional,
            _ => Additional::Unsaid,
        }
    }
}

/// Which way a type changed.
#[derive(Clone, Copy)]
enum Turn {
    /// It allows more.
    Wider,
    /// It allows less.
    Narrower,
    /// Something else.
    Other,
}

impl<'a> Differ<'a> {
    pub(super) fn schema(&mut self, old: SchemaId, new: SchemaId, way: Way, place: &str) {
        self.steps += 1;
        if self.steps > STEPS_MAX || !self.seen.insert((old, new, way)) {
            return;
        }
        self.waiting.push_back((old, new, way, place.to_owned()));
        if self.working {
            return;
        }
        self.working = true;
        while let Some((old, new, way, place)) = self.waiting.pop_front() {
            self.compare(old, new, way, &place);
        }
        self.working = false;
    }

    fn compare(&mut self, old: SchemaId, new: SchemaId, way: Way, place: &str) {
        let (old, new) = (View::of(self.old, old), View::of(self.new, new));
        let ats = (Some(old.schema.at), Some(new.schema.at));
        match (old.nullable, new.nullable) {
            (false, true) => {
                let impact = if way == Way::Response { Impact::Breaking } else { Impact::Addition };
                self.tell("became-nullable", impact, place, ats, "it may be null now".to_owned());
            }
            (true, false) => {
                let impact = if way == Way::Request { Impact::Breaking } else { Impact::Addition };
                self.tell(
                    "became-not-nullable",
                    impact,
                    place,
                    ats,
                    "it may not be null any more".to_owned(),
                );
            }
            _ => {}
        }
        self.kinds(old, new, way, place);
        self.limits(old.schema.limits.as_deref(), new.schema.limits.as_deref(), way, place, ats);
    }

    fn kinds(&mut self, old: View<'a>, new: View<'a>, way: Way, place: &str) {
        let ats = (Some(old.schema.at), Some(new.schema.at));
        if old.is_object() && new.is_object() {
            self.objects(old, new, way, place);
            return;
        }
        match (&old.schema.kind, &new.schema.kind) {
            (Kind::Any, Kind::Any)
            | (Kind::Never, Kind::Never)
            | (Kind::Null, Kind::Null)
            | (Kind::Boolean, Kind::Boolean)
            | (Kind::Binary(_), Kind::Binary(_)) => {}
            (Kind::Any, _) => self.turned(Turn::Narrower, old, new, way, place),
            (_, Kind::Any) => self.turned(Turn::Wider, old, new, way, place),
            (Kind::String(before), Kind::String(after))
            | (Kind::Integer(before), Kind::Integer(after))
            | (Kind::Number(before), Kind::Number(after)) => {
                if before != after {
                    let format = |format: &Option<Box<str>>| format.clone().unwrap_or_else(|| "none".into());
                    let message = format!("the format changed from {} to {}", format(before), format(after));
                    self.tell("format-changed", Impact::Caution, place, ats, message);
                }
            }
            (Kind::Integer(_), Kind::Number(_)) => self.turned(Turn::Wider, old, new, way, place),
            (Kind::Number(_), Kind::Integer(_)) => self.turned(Turn::Narrower, old, new, way, place),
            (Kind::Enum(before), Kind::Enum(after)) => self.enums(before, after, way, place, ats),
            (Kind::Enum(values), other) if is_base(values, other) => {
                self.turned(Turn::Wider, old, new, way, place)
            }
            (other, Kind::Enum(values)) if is_base(values, other) => {
                self.turned(Turn::Narrower, old, new, way, place)
            }
            (Kind::Array(before), Kind::Array(after)) => {
                self.schema(before.items, after.items, way, &format!("{place}[]"));
                for (at, (before, after)) in before.prefix.iter().zip(&after.prefix).enumerate() {
                    self.schema(*before, *after, way, &format!("{place}[{at}]"));
                }
                if before.prefix.len() != after.prefix.len() {
                    self.turned(Turn::Other, old, new, way, place);
                }
            }
            (Kind::Union(before), Kind::Union(after)) => self.unions(before, after, way, place, ats),
            (_, Kind::Union(union)) if union.variants.iter().any(|id| self.agrees(old.id, *id, way)) => {
                self.turned(Turn::Wider, old, new, way, place);
            }
            (Kind::Union(union), _) if union.variants.iter().any(|id| self.agrees(*id, new.id, way)) => {
                self.turned(Turn::Narrower, old, new, way, place);
            }
            (Kind::Intersection(before), Kind::Intersection(after)) if before.len() == after.len() => {
                for (before, after) in before.iter().zip(after) {
                    self.schema(*before, *after, way, place);
                }
            }
            _ => self.turned(Turn::Other, old, new, way, place),
        }
    }

    /// Whether one schema can take the place of another without breaking anything.
    fn agrees(&mut self, old: SchemaId, new: SchemaId, way: Way) -> bool {
        if self.depth == TRIALS_MAX {
            return false;
        }
        let mut trial = Differ::new(self.old, self.new);
        trial.depth = self.depth + 1;
        trial.steps = self.steps;
        trial.schema(old, new, way, "");
        self.steps = trial.steps;
        trial.changes.iter().all(|change| change.impact != Impact::Breaking)
    }

    fn turned(&mut self, turn: Turn, old: View<'a>, new: View<'a>, way: Way, place: &str) {
        let ats = (Some(old.schema.at), Some(new.schema.at));
        let message = format!("the type changed from {} to {}", told(old.schema), told(new.schema));
        let (code, impact) = match (turn, way) {
            (Turn::Wider, Way::Request) => ("type-widened", Impact::Addition),
            (Turn::Narrower, Way::Response) => ("type-narrowed", Impact::Addition),
            (Turn::Wider, Way::Response) => ("type-widened", Impact::Breaking),
            (Turn::Narrower, Way::Request) => ("type-narrowed", Impact::Breaking),
            (Turn::Other, _) => ("type-changed", Impact::Breaking),
        };
        self.tell(code, impact, place, ats, message);
    }

    fn objects(&mut self, old: View<'a>, new: View<'a>, way: Way, place: &str) {
        let ats = (Some(old.schema.at), Some(new.schema.at));
        let (before, after) = (old.api.properties(old.id), new.api.properties(new.id));
        let known: HashSet<&str> = before.iter().map(|property| &*property.name).collect();
        let index: std::collections::HashMap<&str, &Property> =
            after.iter().map(|property| (&*property.name, property)).collect();
        for property in before.iter().filter(|property| travels(old.api, property.schema, way)) {
            let below = below(place, &property.name);
            let Some(same) = index.get(&*property.name) else {
                let message = "the property is gone".to_owned();
                let code = if way == Way::Request {
                    "request-property-removed"
                } else {
                    "response-property-removed"
                };
                self.tell(code, Impact::Breaking, &below, ats, message);
                continue;
            };
            if !travels(new.api, same.schema, way) {
                let message =
                    "the property does not go this way any more (read-only or write-only)".to_owned();
                self.tell("property-way-changed", Impact::Breaking, &below, ats, message);
                continue;
            }
            self.requirement(property.required, same.required, way, &below, ats);
            self.schema(property.schema, same.schema, way, &below);
        }
        for property in after.iter().filter(|property| !known.contains(&*property.name)) {
            if !travels(new.api, property.schema, way) {
                continue;
            }
            let below = below(place, &property.name);
            if property.required && way == Way::Request {
                let message = "a property is new and required".to_owned();
                self.tell("required-property-added", Impact::Breaking, &below, ats, message);
            } else {
                self.tell("property-added", Impact::Addition, &below, ats, "a property is new".to_owned());
            }
        }
        match (old.additional(), new.additional()) {
            (Additional::Schema(before), Additional::Schema(after)) => {
                self.schema(before, after, way, &below(place, "*"));
            }
            (Additional::Any | Additional::Schema(_), Additional::None) if way == Way::Request => {
                let message = "other properties are not taken any more".to_owned();
                self.tell("additional-properties-closed", Impact::Breaking, place, ats, message);
            }
            _ => {}
        }
    }

    fn requirement(
        &mut self,
        before: bool,
        after: bool,
        way: Way,
        place: &str,
        ats: (Option<At>, Option<At>),
    ) {
        let (code, impact, message) = match (before, after, way) {
            (false, true, Way::Request) => {
                ("property-became-required", Impact::Breaking, "it is required now")
            }
            (true, false, Way::Request) => {
                ("property-became-optional", Impact::Addition, "it is optional now")
            }
            (false, true, Way::Response) => {
                ("property-became-required", Impact::Addition, "it is always there now")
            }
            (true, false, Way::Response) => {
                ("property-became-optional", Impact::Breaking, "it may be absent now")
            }
            _ => return,
        };
        self.tell(code, impact, place, ats, message.to_owned());
    }

    fn enums(&mut self, old: &Enum, new: &Enum, way: Way, place: &str, ats: (Option<At>, Option<At>)) {
        let has = |values: &Enum, value: &serde_json::Value| {
            values.values.iter().any(|known| known.value == *value)
        };
        for gone in old.values.iter().filter(|known| !has(new, &known.value)) {
            let impact = if way == Way::Request { Impact::Breaking } else { Impact::Caution };
            let message = format!("the value {} is gone", gone.value);
            self.tell("enum-value-removed", impact, place, ats, message);
        }
        for added in new.values.iter().filter(|known| !has(old, &known.value)) {
            let impact = if way == Way::Response && !old.open { Impact::Caution } else { Impact::Addition };
            let message = format!("the value {} is new", added.value);
            self.tell("enum-value-added", impact, place, ats, message);
        }
    }

    fn unions(&mut self, old: &Union, new: &Union, way: Way, place: &str, ats: (Option<At>, Option<At>)) {
        let mut left: Vec<SchemaId> = new.variants.clone();
        let mut gone = Vec::new();
        for variant in &old.variants {
            let name = self.old.schema(*variant).name.as_deref();
            let named = left
                .iter()
                .position(|other| name.is_some() && self.new.schema(*other).name.as_deref() == name);
            let found = named.or_else(|| {
                let candidates = left.clone();
                candidates.iter().position(|other| self.agrees(*variant, *other, way))
            });
            match found {
                Some(at) => {
                    let other = left.remove(at);
                    self.schema(*variant, other, way, place);
                }
                None => gone.push(*variant),
            }
        }
        for variant in gone {
            let impact = if way == Way::Request { Impact::Breaking } else { Impact::Caution };
            let message = format!("the variant {} is gone", told(self.old.schema(variant)));
            self.tell("variant-removed", impact, place, ats, message);
        }
        for variant in left {
            let impact = if way == Way::Response { Impact::Caution } else { Impact::Addition };
            let message = format!("the variant {} is new", told(self.new.schema(variant)));
            self.tell("variant-added", impact, place, ats, message);
        }
    }

    fn limits(
        &mut self,
        old: Option<&Limits>,
        new: Option<&Limits>,
        way: Way,
        place: &str,
        ats: (Option<At>, Option<At>),
    ) {
        let none = Limits::default();
        let (old, new) = (old.unwrap_or(&none), new.unwrap_or(&none));
        if old == new {
            return;
        }
        let number = |number: &Option<Number>| number.as_ref().and_then(Number::as_f64);
        let count = |count: Option<u64>| count.map(|count| count as f64);
        let (low, high) = (f64::NEG_INFINITY, f64::INFINITY);
        // What is least, and what is most negated: more is tighter.
        let pairs = [
            ("minimum", number(&old.minimum).unwrap_or(low), number(&new.minimum).unwrap_or(low)),
            (
                "exclusiveMinimum",
                number(&old.exclusive_minimum).unwrap_or(low),
                number(&new.exclusive_minimum).unwrap_or(low),
            ),
            ("minLength", count(old.min_length).unwrap_or(0.0), count(new.min_length).unwrap_or(0.0)),
            ("minItems", count(old.min_items).unwrap_or(0.0), count(new.min_items).unwrap_or(0.0)),
            (
                "minProperties",
                count(old.min_properties).unwrap_or(0.0),
                count(new.min_properties).unwrap_or(0.0),
            ),
            ("maximum", -number(&old.maximum).unwrap_or(high), -number(&new.maximum).unwrap_or(high)),
            (
                "exclusiveMaximum",
                -number(&old.exclusive_maximum).unwrap_or(high),
                -number(&new.exclusive_maximum).unwrap_or(high),
            ),
            ("maxLength", -count(old.max_length).unwrap_or(high), -count(new.max_length).unwrap_or(high)),
            ("maxItems", -count(old.max_items).unwrap_or(high), -count(new.max_items).unwrap_or(high)),
            (
                "maxProperties",
                -count(old.max_properties).unwrap_or(high),
                -count(new.max_properties).unwrap_or(high),
            ),
        ];
        for (name, before, after) in pairs {
            if after > before {
                let impact = if way == Way::Request { Impact::Breaking } else { Impact::Addition };
                self.tell("limit-tightened", impact, place, ats, format!("`{name}` is tighter"));
            } else if after < before {
                let impact = if way == Way::Request { Impact::Addition } else { Impact::Caution };
                self.tell("limit-loosened", impact, place, ats, format!("`{name}` is looser"));
            }
        }
        if old.pattern != new.pattern {
            let impact = match (way, &old.pattern, &new.pattern) {
                (Way::Request, None, Some(_)) => Impact::Breaking,
                (Way::Request, Some(_), None) => Impact::Addition,
                _ => Impact::Caution,
            };
            self.tell("pattern-changed", impact, place, ats, "the pattern changed".to_owned());
        }
    }
}

/// Whether a property goes this way at all.
fn travels(api: &Api, id: SchemaId, way: Way) -> bool {
    crate::check::Checker::new(api, way).travels(id)
}

fn below(place: &str, name: &str) -> String {
    if place.ends_with(": ") || place.is_empty() {
        format!("{place}{name}")
    } else {
        format!("{place}.{name}")
    }
}

/// Whether values are all of a plain type.
fn is_base(values: &Enum, kind: &Kind) -> bool {
    matches!(
        (values.base, kind),
        (Some(ScalarType::String), Kind::String(_))
            | (Some(ScalarType::Integer), Kind::Integer(_) | Kind::Number(_))
            | (Some(ScalarType::Number), Kind::Number(_))
            | (Some(ScalarType::Boolean), Kind::Boolean)
    )
}

/// A schema in a word or two.
fn told(schema: &Schema) -> String {
    let kind = match &schema.kind {
        Kind::Any => "anything",
        Kind::Never => "nothing",
        Kind::Null => "null",
        Kind::Boolean => "boolean",
        Kind::Integer(_) => "integer",
        Kind::Number(_) => "number",
        Kind::String(_) => "string",
        Kind::Binary(_) => "bytes",
        Kind::Enum(_) => "enum",
        Kind::Array(_) => "array",
        Kind::Object(_) => "object",
        Kind::Union(_) => "union",
        Kind::Intersection(_) => "intersection",
        Kind::Reference(_) => "reference",
    };
    match &schema.name {
        Some(name) => format!("{kind} {name}"),
        None => kind.to_owned(),
    }
}
