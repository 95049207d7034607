//! The small parts of documents: transformations, schemas, durations, retry policies, errors.

use serde_json::Value;

use super::Reader;
use crate::definition::{Backoff, Retry, Transform};
use crate::duration::{DurationSpec, milliseconds};
use crate::expression::Template;
use crate::schema::Schema;
use crate::yaml::{self, Fields, Located, Node, ParseError, at};

/// `input`, `output` or `export`; `key` is `from` or `as`.
pub(super) fn transform<'a>(
    reader: &mut Reader<'a>,
    place: &'a Located,
    key: &'static str,
) -> Result<Transform, ParseError> {
    let mut fields =
        Fields::open(reader.file, if key == "from" { "`input`" } else { "a data transformation" }, place)?;
    let schema = fields.get("schema").map(|p| schema(reader, p)).transpose()?;
    let template = match fields.get(key) {
        // Text is an expression here even without `${ }` (DSL reference, "Input").
        Some(place) if matches!(place.value, Node::Text(_)) => {
            Some(Template::Expression(reader.expression(place, &format!("`{key}`"))?))
        }
        Some(place) if matches!(place.value, Node::Mapping(_)) => {
            Some(reader.template(place, &format!("`{key}`"))?)
        }
        Some(place) => {
            let found = place.value.kind();
            return Err(at(
                reader.file,
                place,
                format!("`{key}` must be an expression or a mapping, not {found}"),
            ));
        }
        None => None,
    };
    fields.finish()?;
    Ok(Transform { schema, template })
}

fn schema<'a>(reader: &mut Reader<'a>, place: &'a Located) -> Result<Schema, ParseError> {
    let file = reader.file;
    let mut fields = Fields::open(file, "a schema", place)?;
    if let Some(format) = fields.text("format")?
        && format != "json"
        && !format.starts_with("json:")
    {
        return Err(fields.error("format", "the format of a schema must be `json`"));
    }
    let (document, resource) = (fields.get("document"), fields.get("resource"));
    fields.finish()?;
    let (place, text) = match (document, resource) {
        (Some(document), None) => (document, document.to_json()),
        (None, Some(resource)) => (resource, reader.external_schema(resource)?),
        _ => return Err(at(file, place, "a schema needs one of `document`, `resource`")),
    };
    Schema::new(text).map_err(|message| at(file, place, message))
}

pub(super) fn duration<'a>(
    reader: &mut Reader<'a>,
    place: &'a Located,
    what: &str,
) -> Result<DurationSpec, ParseError> {
    match duration_template(reader, place, what)? {
        (_, Some(ms)) => Ok(DurationSpec::Fixed(ms)),
        (computed, None) => Ok(DurationSpec::Computed(computed)),
    }
}

/// A duration as it is written, and its milliseconds when they are known.
pub(super) fn duration_template<'a>(
    reader: &mut Reader<'a>,
    place: &'a Located,
    what: &str,
) -> Result<(Template, Option<i64>), ParseError> {
    if let Node::Text(text) = &place.value
        && (super::shape::is_expression(text) || reader.loose && milliseconds(&place.to_json()).is_err())
    {
        return Ok((reader.template(place, what)?, None));
    }
    if let Node::Mapping(entries) = &place.value {
        for entry in entries {
            if matches!(&entry.value.value, Node::Number(n) if n.as_f64().is_some_and(|f| f.fract() != 0.0)) {
                let unit = yaml::clip(&entry.key);
                let message = format!("{what}: `{unit}` must be a whole number; use a smaller unit");
                return Err(at(reader.file, &entry.value, message));
            }
        }
    }
    let value = place.to_json();
    let ms = milliseconds(&value).map_err(|e| at(reader.file, place, format!("{what}: {e}")))?;
    Ok((Template::Constant(value), Some(ms)))
}

pub(super) fn retry<'a>(reader: &mut Reader<'a>, place: &'a Located) -> Result<Retry, ParseError> {
    let place = reader.resolve("retries", |r| &r.retries, place)?;
    let file = reader.file;
    let mut fields = Fields::open(file, "a retry policy", place)?;
    let when = fields.get("when").map(|p| reader.expression(p, "`when`")).transpose()?;
    let except_when = fields.get("exceptWhen").map(|p| reader.expression(p, "`exceptWhen`")).transpose()?;
    let delay = fields.get("delay").map(|p| duration(reader, p, "`delay`")).transpose()?;
    let backoff = fields.get("backoff").map(|p| backoff(file, p)).transpose()?.unwrap_or(Backoff::Constant);
    let jitter = match fields.get("jitter") {
        Some(place) => {
            let mut fields = Fields::open(file, "`jitter`", place)?;
            let (from, to) = (fields.require("from")?, fields.require("to")?);
            fields.finish()?;
            Some((duration(reader, from, "`from` of `jitter`")?, duration(reader, to, "`to` of `jitter`")?))
        }
        None => None,
    };
    let (mut count, mut attempt_duration, mut total) = (None, None, None);
    if let Some(place) = fields.get("limit") {
        let mut limit = Fields::open(file, "`limit`", place)?;
        total = limit.get("duration").map(|p| duration(reader, p, "`duration` of `limit`")).transpose()?;
        if let Some(place) = limit.get("attempt") {
            let mut attempt = Fields::open(file, "`attempt`", place)?;
            count = attempt.get("count").map(|p| whole(file, p, "`count`")).transpose()?;
            attempt_duration = attempt
                .get("duration")
                .map(|p| duration(reader, p, "`duration` of `attempt`"))
                .transpose()?;
            attempt.finish()?;
        }
        limit.finish()?;
    }
    fields.finish()?;
    Ok(Retry { when, except_when, delay, backoff, count, attempt_duration, duration: total, jitter })
}

fn backoff(file: &str, place: &Located) -> Result<Backoff, ParseError> {
    let mut fields = Fields::open(file, "`backoff`", place)?;
    let kinds =
        [("constant", Backoff::Constant), ("linear", Backoff::Linear), ("exponential", Backoff::Exponential)];
    let mut chosen = Vec::new();
    for (name, kind) in kinds {
        if let Some(place) = fields.get(name) {
            Fields::open(file, format!("`{name}`"), place)?.finish()?;
            chosen.push(kind);
        }
    }
    fields.finish()?;
    match chosen.as_slice() {
        [one] => Ok(*one),
        _ => Err(at(
            file,
            place,
            "`backoff` must be exactly one of `constant: {}`, `linear: {}`, `exponential: {}`",
        )),
    }
}

/// True or false.
pub(super) fn flag(file: &str, place: &Located, what: &str) -> Result<bool, ParseError> {
    match place.value {
        Node::Bool(flag) => Ok(flag),
        _ => Err(at(file, place, format!("{what} must be true or false, not {}", place.value.kind()))),
    }
}

pub(super) fn whole(file: &str, place: &Located, what: &str) -> Result<u32, ParseError> {
    let number = place.to_json().as_u64().and_then(|n| u32::try_from(n).ok());
    number.ok_or_else(|| at(file, place, format!("{what} must be a whole number from 0")))
}

/// The error a `raise` raises: its own, or one of `use.errors`.
pub(super) fn raised<'a>(reader: &mut Reader<'a>, place: &'a Located) -> Result<Template, ParseError> {
    let place = reader.resolve("errors", |r| &r.errors, place)?;
    let mut fields = Fields::open(reader.file, "an error", place)?;
    let kind = fields.require("type")?;
    reader.shaped(kind, super::shape::Shape::Uri, "`type` of an error")?;
    let status = fields.require("status")?;
    let status_fits = match &status.value {
        Node::Number(n) => n.as_u64().is_some_and(|n| n <= 999),
        Node::Text(text) => text.contains("${"),
        _ => false,
    };
    if !status_fits {
        return Err(at(reader.file, status, "`status` must be a number such as 503"));
    }
    for key in ["title", "detail", "instance"] {
        fields.text(key)?;
    }
    fields.finish()?;
    reader.template(place, "the error")
}

/// The fields an error must have to be caught.
pub(super) fn filter<'a>(
    reader: &mut Reader<'a>,
    place: &'a Located,
) -> Result<Vec<(String, Template)>, ParseError> {
    let mut errors = Fields::open(reader.file, "`errors`", place)?;
    let Some(with) = errors.get("with") else {
        errors.finish()?;
        return Ok(Vec::new());
    };
    errors.finish()?;
    let mut fields = Fields::open(reader.file, "`with` of `errors`", with)?;
    let mut filter = Vec::new();
    for key in ["type", "status", "instance", "title", "detail", "details"] {
        if let Some(place) = fields.get(key) {
            if key == "status" {
                whole(reader.file, place, "`status`")?;
            } else {
                yaml::text(reader.file, &format!("`{key}`"), place)?;
            }
            // The schema says `details`, the error itself has `detail`.
            let name = if key == "details" { "detail" } else { key };
            filter.push((name.to_owned(), reader.template(place, &format!("`{key}`"))?));
        }
    }
    fields.finish()?;
    if filter.is_empty() {
        return Err(at(reader.file, with, "`with` of `errors` must name at least one field"));
    }
    Ok(filter)
}

/// Whether `metadata` asks for compensation.
pub(super) fn compensates(file: &str, metadata: Option<&Located>) -> Result<bool, ParseError> {
    let Some(place) = metadata else { return Ok(false) };
    let Node::Mapping(entries) = &place.value else {
        return Err(at(file, place, "`metadata` must be a mapping"));
    };
    match entries.iter().find(|e| e.key == "compensate").map(|e| (e, e.value.to_json())) {
        None => Ok(false),
        Some((_, Value::Bool(b))) => Ok(b),
        Some((e, other)) => {
            let message =
                format!("`compensate` must be true or false, not {}", yaml::clip(&other.to_string()));
            Err(at(file, &e.value, message))
        }
    }
}
