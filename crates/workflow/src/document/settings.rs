//! What a document says of itself and of how it is run: `document`, `evaluate`, `schedule`, and what Homeostat adds in
//! metadata.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Reader, data};
use crate::cron::Cron;
use crate::definition::{Document, Kind, Undo};
use crate::duration::DurationSpec;
use crate::filter::EventFilter;
use crate::operations::{Concurrency, ConcurrencyBy, Operations};
use crate::schedule::{Schedule, Trigger};
use crate::yaml::{self, Fields, Located, Node, ParseError, at};

pub(super) fn document(file: &str, place: &Located) -> Result<Document, ParseError> {
    let mut fields = Fields::open(file, "`document`", place)?;
    let dsl = fields.require_text("dsl")?.to_owned();
    if !dsl.starts_with("1.0.") || !semantic(&dsl) {
        return Err(fields
            .error("dsl", format!("`dsl` is {:?}; documents of version 1.0.x are run", yaml::clip(&dsl))));
    }
    let mut label = |key: &'static str| -> Result<String, ParseError> {
        let text = fields.require_text(key)?;
        let fine = (1..=63).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !text.starts_with('-')
            && !text.ends_with('-');
        if fine {
            return Ok(text.to_owned());
        }
        Err(fields.error(
            key,
            format!("`{key}` must be 1 to 63 letters, digits and inner dashes, such as restart-service"),
        ))
    };
    let (namespace, name) = (label("namespace")?, label("name")?);
    let version = fields.require_text("version")?.to_owned();
    if !semantic(&version) {
        return Err(fields.error("version", "`version` must be a semantic version such as '1.0.0'"));
    }
    let title = fields.text("title")?.map(str::to_owned);
    let summary = fields.text("summary")?.map(str::to_owned);
    let mut mapping = |key: &'static str| match fields.get(key) {
        None => Ok(Value::Null),
        Some(place) if matches!(place.value, Node::Mapping(_)) => Ok(place.to_json()),
        Some(place) => Err(at(file, place, format!("`{key}` must be a mapping, not {}", place.value.kind()))),
    };
    let tags = match mapping("tags")? {
        Value::Object(map) => map.into_iter().collect::<BTreeMap<_, _>>(),
        _ => BTreeMap::new(),
    };
    let metadata = mapping("metadata")?;
    fields.finish()?;
    Ok(Document { dsl, namespace, name, version, title, summary, tags, metadata })
}

/// Whether text is a semantic version (semver.org 2.0): numbers without leading zeros, then what may follow.
fn semantic(version: &str) -> bool {
    let (rest, build) = version.split_once('+').map_or((version, None), |(v, b)| (v, Some(b)));
    let (core, pre) = rest.split_once('-').map_or((rest, None), |(v, p)| (v, Some(p)));
    let number =
        |n: &str| n.bytes().all(|b| b.is_ascii_digit()) && (n == "0" || !n.starts_with('0')) && !n.is_empty();
    let word = |w: &str| !w.is_empty() && w.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let digits = |w: &str| w.bytes().all(|b| b.is_ascii_digit());
    core.split('.').count() == 3
        && core.split('.').all(number)
        && pre.is_none_or(|p| p.split('.').all(|w| word(w) && (!digits(w) || number(w))))
        && build.is_none_or(|b| b.split('.').all(word))
}

/// Whether expressions are evaluated in mode `loose`.
pub(super) fn evaluate(file: &str, place: &Located) -> Result<bool, ParseError> {
    let mut fields = Fields::open(file, "`evaluate`", place)?;
    if fields.text("language")?.is_some_and(|given| given != "jq") {
        return Err(fields.error("language", "expressions are written in `jq`; no other language is known"));
    }
    let loose = match fields.text("mode")? {
        None | Some("strict") => false,
        Some("loose") => true,
        Some(_) => return Err(fields.error("mode", "`mode` must be `strict` or `loose`")),
    };
    fields.finish()?;
    Ok(loose)
}

impl<'a> Reader<'a> {
    pub(super) fn schedule(&mut self, place: &'a Located) -> Result<Schedule, ParseError> {
        let mut fields = Fields::open(self.file, "`schedule`", place)?;
        let mut fixed = |reader: &mut Self, key: &'static str| -> Result<Option<i64>, ParseError> {
            let Some(place) = fields.get(key) else { return Ok(None) };
            match reader.duration(place, &format!("`{key}`"))? {
                DurationSpec::Fixed(ms) if ms >= 1000 => Ok(Some(ms)),
                DurationSpec::Fixed(_) => {
                    Err(at(reader.file, place, format!("`{key}` must be at least one second")))
                }
                DurationSpec::Computed(_) => {
                    Err(at(reader.file, place, format!("`{key}` must be fixed: there is no run yet to ask")))
                }
            }
        };
        let (every_ms, after_ms) = (fixed(self, "every")?, fixed(self, "after")?);
        let cron = match fields.get("cron") {
            Some(place) => {
                let text = yaml::text(self.file, "`cron`", place)?;
                Some(Cron::parse(text).map_err(|e| at(self.file, place, format!("`cron`: {e}")))?)
            }
            None => None,
        };
        let on = fields.get("on").map(|p| self.trigger(p)).transpose()?;
        fields.finish()?;
        if every_ms.is_none() && after_ms.is_none() && cron.is_none() && on.is_none() {
            return Err(at(self.file, place, "`schedule` needs one of `every`, `cron`, `after`, `on`"));
        }
        Ok(Schedule { every_ms, cron, after_ms, on })
    }

    fn trigger(&mut self, place: &'a Located) -> Result<Trigger, ParseError> {
        let strategy = self.strategy(place, "`on`")?;
        let fix = |specs: &[crate::filter::FilterSpec]| -> Result<Vec<EventFilter>, ParseError> {
            specs
                .iter()
                .map(|s| s.fix(&Value::Null, &|_| Value::Null))
                .collect::<Result<_, _>>()
                .map_err(|e| at(self.file, place, format!("`on`: {e}")))
        };
        Ok(Trigger { filters: fix(&strategy.filters)?, until: fix(&strategy.until)?, stop: strategy.stop })
    }

    /// `homeostat` in the metadata of the document.
    pub(super) fn operations(&mut self, document: &'a Located) -> Result<Operations, ParseError> {
        let Some(place) = homeostat(self.file, document)? else { return Ok(Operations::default()) };
        let mut fields = Fields::open(self.file, "`homeostat`", place)?;
        let concurrency = match fields.get("concurrency") {
            Some(place) => {
                let mut fields = Fields::open(self.file, "`concurrency`", place)?;
                let limit = fields.require("limit")?;
                let limit = match data::whole(self.file, limit, "`limit`")? {
                    0 => return Err(at(self.file, limit, "`limit` must be at least 1")),
                    limit => limit,
                };
                let by = match fields.text("by")? {
                    None | Some("workflow") => ConcurrencyBy::Workflow,
                    Some("service") => ConcurrencyBy::Service,
                    Some(_) => return Err(fields.error("by", "`by` must be `workflow` or `service`")),
                };
                fields.finish()?;
                Some(Concurrency { limit, by })
            }
            None => None,
        };
        let service = match fields.get("service") {
            Some(place) => {
                yaml::text(self.file, "`service`", place)?;
                Some(self.template(place, "`service`")?)
            }
            None => None,
        };
        let by_dependencies = match fields.text("order")? {
            None => false,
            Some("dependencies") => true,
            Some(_) => return Err(fields.error("order", "`order` must be `dependencies`")),
        };
        if service.is_none() && concurrency.is_some_and(|c| c.by == ConcurrencyBy::Service) {
            let message = "`concurrency` by service needs `service`, an expression that gives its name";
            return Err(fields.error("concurrency", message));
        }
        fields.finish()?;
        Ok(Operations { concurrency, service, by_dependencies })
    }

    /// `homeostat` in the metadata of a task: how to undo what it does.
    pub(super) fn undo(
        &mut self,
        what: &str,
        task: &'a Located,
        kind: &Kind,
    ) -> Result<Option<Undo>, ParseError> {
        let Some(place) = homeostat(self.file, task)? else { return Ok(None) };
        let mut fields = Fields::open(self.file, format!("`homeostat` of {what}"), place)?;
        let undo = fields.get("undo");
        fields.finish()?;
        let Some(place) = undo else { return Ok(None) };
        if !matches!(kind, Kind::Call(_)) {
            return Err(at(
                self.file,
                place,
                "only a task that calls, emits or runs something can have `undo`",
            ));
        }
        let mut fields = Fields::open(self.file, format!("`undo` of {what}"), place)?;
        let function = fields.require("call")?;
        let inverse = self.call("`undo`", function, &mut fields, "/undo")?;
        fields.finish()?;
        match inverse {
            Kind::Call(call) => Ok(Some(Undo { function: call.function, with: call.with })),
            _ => Err(at(self.file, function, "`undo` must call a function that is carried out as one call")),
        }
    }
}

/// The mapping under `metadata.homeostat`.
fn homeostat<'a>(file: &str, place: &'a Located) -> Result<Option<&'a Located>, ParseError> {
    let get = |place: &'a Located, key: &str| match &place.value {
        Node::Mapping(entries) => entries.iter().find(|e| e.key == key).map(|e| &e.value),
        _ => None,
    };
    match get(place, "metadata") {
        None => Ok(None),
        Some(metadata) if matches!(metadata.value, Node::Mapping(_)) => Ok(get(metadata, "homeostat")),
        Some(other) => {
            Err(at(file, other, format!("`metadata` must be a mapping, not {}", other.value.kind())))
        }
    }
}
