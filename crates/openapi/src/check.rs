//! Whether a value is what a schema allows.
//!
//! Deliberately absent: keywords that the model does not have, and formats that only people can judge.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use regex::Regex;
use serde_json::{Map, Number, Value};

use crate::api::{Additional, Api, Kind, Limits, Object, Schema, SchemaId, Union};
use crate::error::clip;

/// Most steps of one check: variants of variants multiply.
const STEPS_MAX: usize = 200_000;
/// Most things that are said of one value.
const SAID_MAX: usize = 20;
/// Largest expression that is compiled, in bytes of the program.
const PATTERN_BYTES_MAX: usize = 256 * 1024;

/// Which way a value goes: what is only read is not sent, what is only written does not come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Way {
    /// From a caller to the API.
    Request,
    /// From the API to a caller.
    Response,
}

/// What is wrong with a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// JSON pointer to the part of the value.
    pub pointer: String,
    /// What is wrong with it.
    pub message: String,
}

/// What is wrong with a value; nothing when it is what the schema allows.
#[must_use]
pub fn check(api: &Api, schema: SchemaId, value: &Value, way: Way) -> Vec<Violation> {
    Checker::new(api, way).check(schema, value)
}

/// Checks many values, and compiles each expression once.
pub(crate) struct Checker<'a> {
    api: &'a Api,
    way: Way,
    patterns: RefCell<HashMap<&'a str, Option<Regex>>>,
    steps: Cell<usize>,
}

impl<'a> Checker<'a> {
    pub(crate) fn new(api: &'a Api, way: Way) -> Self {
        Self { api, way, patterns: RefCell::default(), steps: Cell::new(0) }
    }

    pub(crate) fn check(&self, schema: SchemaId, value: &Value) -> Vec<Violation> {
        self.steps.set(0);
        let mut said = Said { pointer: Vec::new(), violations: Vec::new() };
        self.value(schema, value, &mut said);
        said.violations
    }

    pub(crate) fn allows(&self, schema: SchemaId, value: &Value) -> bool {
        self.check(schema, value).is_empty()
    }

    fn value(&self, id: SchemaId, value: &Value, said: &mut Said) {
        self.steps.set(self.steps.get() + 1);
        if self.steps.get() > STEPS_MAX || said.violations.len() >= SAID_MAX {
            return;
        }
        let schema = self.api.schema(id);
        if value.is_null() && schema.nullable {
            return;
        }
        match &schema.kind {
            Kind::Any => {}
            Kind::Never => said.add("must not be there"),
            Kind::Null if value.is_null() => {}
            Kind::Null => said.add("must be null"),
            Kind::Boolean if value.is_boolean() => {}
            Kind::Boolean => said.must("true or false", value),
            Kind::Integer(_) if is_whole(value) => {}
            Kind::Integer(_) => said.must("a whole number", value),
            Kind::Number(_) if value.is_number() => {}
            Kind::Number(_) => said.must("a number", value),
            Kind::String(format) => match value.as_str() {
                None => said.must("text", value),
                Some(text) if format.as_deref().is_some_and(|format| !has_format(text, format)) => {
                    said.add(format!("is no {}", format.as_deref().unwrap_or_default()));
                }
                Some(_) => {}
            },
            Kind::Binary(_) if value.is_string() => {}
            Kind::Binary(_) => said.must("text that holds bytes", value),
            Kind::Enum(values) => {
                let same =
                    |known: &Value| known == value || known.is_number() && known.as_f64() == value.as_f64();
                if !values.open && !values.values.iter().any(|known| same(&known.value)) {
                    let some: Vec<_> =
                        values.values.iter().take(8).map(|known| known.value.to_string()).collect();
                    said.add(format!("must be one of {}", some.join(", ")));
                }
            }
            Kind::Array(array) => match value.as_array() {
                None => said.must("a list", value),
                Some(items) => {
                    for (at, item) in items.iter().enumerate() {
                        let schema = array.prefix.get(at).copied().unwrap_or(array.items);
                        said.within(at, |said| self.value(schema, item, said));
                    }
                }
            },
            Kind::Object(object) => match value.as_object() {
                None => said.must("an object", value),
                Some(map) => self.object(object, map, said),
            },
            Kind::Union(union) => self.union(schema, union, value, said),
            Kind::Intersection(parts) => self.all(parts, value, said),
            Kind::Reference(target) => self.value(*target, value, said),
        }
        if let Some(limits) = &schema.limits {
            self.limits(limits, value, said);
        }
    }

    fn object(&self, object: &'a Object, map: &Map<String, Value>, said: &mut Said) {
        for property in &object.properties {
            match map.get(&*property.name) {
                Some(value) => said.within(&property.name, |said| self.value(property.schema, value, said)),
                None if property.required && self.travels(property.schema) => {
                    said.within(&property.name, |said| said.add("is missing"));
                }
                None => {}
            }
        }
        if matches!(object.additional, Additional::Unsaid | Additional::Any) && object.patterns.is_empty() {
            return;
        }
        for (name, value) in map {
            if object.properties.iter().any(|known| *known.name == **name) {
                continue;
            }
            let pattern =
                object.patterns.iter().find(|(pattern, _)| self.matches(pattern, name) == Some(true));
            let schema = match (pattern, object.additional) {
                (Some((_, schema)), _) => Some(*schema),
                (None, Additional::Schema(schema)) => Some(schema),
                (None, Additional::None) => {
                    said.within(name, |said| said.add("is not known"));
                    None
                }
                (None, Additional::Unsaid | Additional::Any) => None,
            };
            if let Some(schema) = schema {
                said.within(name, |said| self.value(schema, value, said));
            }
        }
    }

    /// Whether a property goes this way at all.
    pub(crate) fn travels(&self, id: SchemaId) -> bool {
        let mut id = id;
        for _ in 0..16 {
            let schema = self.api.schema(id);
            match (self.way, schema.read_only, schema.write_only) {
                (Way::Request, true, _) | (Way::Response, _, true) => return false,
                _ => {}
            }
            match schema.kind {
                Kind::Reference(next) => id = next,
                _ => break,
            }
        }
        true
    }

    /// All parts; a part that is closed does not count what others describe.
    fn all(&self, parts: &[SchemaId], value: &Value, said: &mut Said) {
        for part in parts {
            let before = said.violations.len();
            self.value(*part, value, said);
            let depth = said.pointer.len();
            let unknown = |violation: &Violation| {
                violation.message == "is not known" && violation.pointer.split('/').count() == depth + 2
            };
            if said.violations[before..].iter().any(unknown) {
                let known = self.api.possible_properties(*part);
                let others: Vec<_> = parts
                    .iter()
                    .filter(|o| *o != part)
                    .flat_map(|o| self.api.possible_properties(*o))
                    .collect();
                let mut at = before;
                while at < said.violations.len() {
                    let name = said.violations[at].pointer.rsplit('/').next().unwrap_or_default().to_owned();
                    let elsewhere = others.iter().any(|other| escaped(&other.name) == name);
                    let here = known.iter().any(|own| escaped(&own.name) == name);
                    if unknown(&said.violations[at]) && elsewhere && !here {
                        said.violations.remove(at);
                    } else {
                        at += 1;
                    }
                }
            }
        }
    }

    fn union(&self, schema: &Schema, union: &Union, value: &Value, said: &mut Said) {
        if let (Some(discriminator), Some(map)) = (&schema.discriminator, value.as_object()) {
            let told = map.get(&*discriminator.property).and_then(Value::as_str);
            let chosen =
                told.and_then(|told| discriminator.mapping.iter().find(|(known, _)| **known == *told));
            if let Some(chosen) = chosen.map(|(_, id)| *id).or(discriminator.fallback) {
                self.value(chosen, value, said);
                return;
            }
        }
        let mut least: Option<Vec<Violation>> = None;
        for variant in &union.variants {
            let mut trial = Said { pointer: said.pointer.clone(), violations: Vec::new() };
            self.value(*variant, value, &mut trial);
            if trial.violations.is_empty() {
                return;
            }
            if least.as_ref().is_none_or(|least| depth(&trial.violations) > depth(least)) {
                least = Some(trial.violations);
            }
        }
        // The variant that fits best says what is wrong.
        match least {
            Some(least) if depth(&least) > said.pointer.len() => said.violations.extend(least),
            _ => said.add(format!("fits none of {} variants", union.variants.len())),
        }
    }

    fn limits(&self, limits: &'a Limits, value: &Value, said: &mut Said) {
        if let Some(number) = value.as_f64() {
            let limit = |limit: &Option<Number>| limit.as_ref().and_then(Number::as_f64);
            if limit(&limits.minimum).is_some_and(|least| number < least) {
                said.add(format!(
                    "must be at least {}",
                    limits.minimum.as_ref().map_or(String::new(), Number::to_string)
                ));
            }
            if limit(&limits.maximum).is_some_and(|most| number > most) {
                said.add(format!(
                    "must be at most {}",
                    limits.maximum.as_ref().map_or(String::new(), Number::to_string)
                ));
            }
            if limit(&limits.exclusive_minimum).is_some_and(|least| number <= least) {
                said.add("is too small");
            }
            if limit(&limits.exclusive_maximum).is_some_and(|most| number >= most) {
                said.add("is too large");
            }
            if limit(&limits.multiple_of).is_some_and(|step| step > 0.0 && !is_multiple(number, step)) {
                said.add("is not the multiple that it must be");
            }
        }
        if let Some(text) = value.as_str() {
            let length = text.chars().count() as u64;
            if limits.min_length.is_some_and(|least| length < least) {
                said.add(format!("must have at least {} characters", limits.min_length.unwrap_or_default()));
            }
            if limits.max_length.is_some_and(|most| length > most) {
                said.add(format!("must have at most {} characters", limits.max_length.unwrap_or_default()));
            }
            if limits.pattern.as_deref().is_some_and(|pattern| self.matches(pattern, text) == Some(false)) {
                said.add(format!("does not match {}", clip(limits.pattern.as_deref().unwrap_or_default())));
            }
        }
        if let Some(items) = value.as_array() {
            count(items.len(), limits.min_items, limits.max_items, "items", said);
            let twice = |(at, item): (usize, &Value)| items[..at].contains(item);
            if limits.unique_items && items.len() < 1_000 && items.iter().enumerate().any(twice) {
                said.add("has an item twice");
            }
        }
        if let Some(map) = value.as_object() {
            count(map.len(), limits.min_properties, limits.max_properties, "properties", said);
        }
        if let Some(not) = limits.not {
            let mut trial = Said { pointer: Vec::new(), violations: Vec::new() };
            self.value(not, value, &mut trial);
            if trial.violations.is_empty() {
                said.add("is what it must not be");
            }
        }
    }

    /// Whether an expression matches; nothing when it cannot be compiled (it may be of another dialect).
    fn matches(&self, pattern: &'a str, text: &str) -> Option<bool> {
        let mut patterns = self.patterns.borrow_mut();
        let compiled = patterns.entry(pattern).or_insert_with(|| {
            let builder = &mut regex::RegexBuilder::new(pattern);
            builder.size_limit(PATTERN_BYTES_MAX).build().ok()
        });
        compiled.as_ref().map(|regex| regex.is_match(text))
    }
}

/// What was said so far, and where the check is.
struct Said {
    pointer: Vec<String>,
    violations: Vec<Violation>,
}

impl Said {
    fn add(&mut self, message: impl Into<String>) {
        if self.violations.len() < SAID_MAX {
            let pointer = self.pointer.iter().fold(String::new(), |pointer, step| pointer + "/" + step);
            self.violations.push(Violation { pointer, message: message.into() });
        }
    }

    fn must(&mut self, what: &str, value: &Value) {
        let is = match value {
            Value::Null => "null",
            Value::Bool(_) => "a truth",
            Value::Number(_) => "a number",
            Value::String(_) => "text",
            Value::Array(_) => "a list",
            Value::Object(_) => "an object",
        };
        self.add(format!("must be {what}, and is {is}"));
    }

    fn within(&mut self, step: impl ToString, inner: impl FnOnce(&mut Self)) {
        self.pointer.push(escaped(&step.to_string()));
        inner(self);
        self.pointer.pop();
    }
}

fn escaped(step: &str) -> String {
    step.replace('~', "~0").replace('/', "~1")
}

fn depth(violations: &[Violation]) -> usize {
    violations.iter().map(|violation| violation.pointer.matches('/').count()).min().unwrap_or_default()
}

fn count(len: usize, least: Option<u64>, most: Option<u64>, what: &str, said: &mut Said) {
    if let Some(least) = least.filter(|least| (len as u64) < *least) {
        said.add(format!("must have at least {least} {what}"));
    }
    if let Some(most) = most.filter(|most| len as u64 > *most) {
        said.add(format!("must have at most {most} {what}"));
    }
}

fn is_whole(value: &Value) -> bool {
    value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0)
}

fn is_multiple(number: f64, step: f64) -> bool {
    let times = number / step;
    (times - times.round()).abs() < 1e-6
}

/// Whether a text has a format that can be told from its looks; others are taken as they are.
fn has_format(text: &str, format: &str) -> bool {
    let digits =
        |text: &str, count: usize| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    let date = |text: &str| {
        let mut parts = text.splitn(3, '-');
        let (year, month, day) = (parts.next(), parts.next(), parts.next());
        year.is_some_and(|year| digits(year, 4))
            && month.is_some_and(|month| digits(month, 2))
            && day.is_some_and(|day| digits(day, 2))
    };
    match format {
        "date" => date(text),
        "date-time" => text.get(..10).is_some_and(date) && text.len() > 10,
        "uuid" => {
            let lengths: Vec<_> = text.split('-').map(str::len).collect();
            lengths == [8, 4, 4, 4, 12] && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
        }
        _ => true,
    }
}
