//! Events in documents: what is emitted, what is listened to, and how messages of a subscription are consumed.

use serde_json::Value;

use super::calls::call;
use super::shape::{Shape, has_scheme, is_expression};
use super::{Reader, data};
use crate::definition::{Answer, Each, Kind, Listen, Stop, Subscription, Transform};
use crate::duration::DurationSpec;
use crate::expression::Template;
use crate::filter::{CorrelationSpec, FilterSpec, MatcherSpec, Read};
use crate::yaml::{self, Fields, Located, Node, ParseError, at};

/// Most filters of one task.
const MAX_FILTERS: usize = 100;
/// Attributes that are text in every CloudEvent.
const TEXTS: [&str; 4] = ["id", "type", "subject", "datacontenttype"];

/// A `listen` while it is read.
pub(super) struct Consumption {
    stop: Stop,
    filters: Vec<FilterSpec>,
    each: Option<Each>,
    pub(super) window: Option<DurationSpec>,
    pub(super) subscription: Option<Subscription>,
}

impl From<Consumption> for Listen {
    fn from(c: Consumption) -> Self {
        Self {
            filters: c.filters,
            until: Vec::new(),
            stop: c.stop,
            read: Read::Envelope,
            each: c.each,
            subscription: c.subscription,
        }
    }
}

/// What a workflow or task waits for.
pub(crate) struct Strategy {
    pub(crate) filters: Vec<FilterSpec>,
    pub(crate) until: Vec<FilterSpec>,
    pub(crate) stop: Stop,
}

impl<'a> Reader<'a> {
    pub(super) fn emit(&mut self, what: &str, body: &'a Located) -> Result<Kind, ParseError> {
        let mut emit = Fields::open(self.file, format!("`emit` of {what}"), body)?;
        let event = emit.require("event")?;
        emit.finish()?;
        let mut event = Fields::open(self.file, "`event` of `emit`", event)?;
        let with = event.require("with")?;
        event.finish()?;
        let mut fields = Fields::open(self.file, "`with` of `event`", with)?;
        fields.require("source")?;
        fields.require("type")?;
        let mut pairs = Vec::new();
        for entry in fields.entries() {
            let what = format!("`{}` of the event", yaml::clip(&entry.key));
            let template = match entry.key.as_str() {
                "source" | "dataschema" => self.shaped(&entry.value, Shape::Uri, &what)?,
                "time" => self.time(&entry.value, &what)?,
                "data" => self.shaped(&entry.value, Shape::Any, &what)?,
                key if TEXTS.contains(&key) => self.shaped(&entry.value, Shape::Text, &what)?,
                key => {
                    attribute_name(self.file, entry.line, entry.column, key)?;
                    self.template(&entry.value, &what)?
                }
            };
            pairs.push((entry.key.clone(), template));
        }
        Ok(call("emit", "emit", Template::Mapping(pairs), Answer::Output))
    }

    fn time(&mut self, place: &'a Located, what: &str) -> Result<Template, ParseError> {
        let text = yaml::text(self.file, what, place)?;
        if !is_expression(text) && model::Timestamp::parse(text).is_err() {
            let message = format!("{what} must be a time such as 2026-11-21T09:30:00Z, or one expression");
            return Err(at(self.file, place, message));
        }
        self.template(place, what)
    }

    pub(super) fn listen(
        &mut self,
        what: &str,
        body: &'a Located,
        fields: &mut Fields<'a>,
        path: &str,
    ) -> Result<Kind, ParseError> {
        let mut listen = Fields::open(self.file, format!("`listen` of {what}"), body)?;
        let strategy = self.strategy(listen.require("to")?, "`to`")?;
        let read = match listen.get("read") {
            Some(place) => {
                self.shaped(place, Shape::Word(&["data", "envelope", "raw"]), "`read`")?;
                match yaml::text(self.file, "`read`", place)? {
                    "envelope" => Read::Envelope,
                    "raw" => Read::Raw,
                    _ => Read::Data,
                }
            }
            None => Read::Data,
        };
        listen.finish()?;
        let each =
            fields.get("foreach").map(|p| self.each_event(p, &format!("{path}/foreach"))).transpose()?;
        let Strategy { filters, until, stop } = strategy;
        Ok(Kind::Listen(Box::new(Listen { filters, until, stop, read, each, subscription: None })))
    }

    /// An event consumption strategy: `one`, `any` or `all`, with `until`.
    pub(super) fn strategy(&mut self, place: &'a Located, what: &str) -> Result<Strategy, ParseError> {
        self.strategy_within(place, what, true)
    }

    fn strategy_within(
        &mut self,
        place: &'a Located,
        what: &str,
        may_end: bool,
    ) -> Result<Strategy, ParseError> {
        let mut fields = Fields::open(self.file, what, place)?;
        let kinds: Vec<&str> = ["one", "any", "all"].into_iter().filter(|k| fields.has(k)).collect();
        let mut strategy = match kinds.as_slice() {
            ["one"] => {
                let filter = self.filter(fields.require("one")?)?;
                Strategy { filters: vec![filter], until: Vec::new(), stop: Stop::First }
            }
            ["any"] => Strategy {
                filters: self.filters(fields.require("any")?, "any")?,
                until: Vec::new(),
                stop: Stop::First,
            },
            ["all"] => {
                let place = fields.require("all")?;
                let filters = self.filters(place, "all")?;
                if filters.is_empty() {
                    return Err(at(
                        self.file,
                        place,
                        "`all` of nothing is there at once; name the events to wait for",
                    ));
                }
                Strategy { filters, until: Vec::new(), stop: Stop::All }
            }
            [_, second, ..] => {
                return Err(fields.error(second, format!("{what} must have one of `one`, `any`, `all`")));
            }
            _ => {
                for key in ["one", "any", "all", "until"] {
                    fields.get(key);
                }
                fields.finish()?;
                return Err(at(self.file, place, format!("{what} needs one of `one`, `any`, `all`")));
            }
        };
        if kinds == ["any"]
            && may_end
            && let Some(place) = fields.get("until")
        {
            match &place.value {
                Node::Text(_) => {
                    let condition = self.expression(place, "`until`")?;
                    let never = condition.source().trim() == "false";
                    strategy.stop = if never { Stop::Never } else { Stop::Until(condition) };
                }
                _ => {
                    let until = self.strategy_within(place, "`until`", false)?;
                    let all = matches!(until.stop, Stop::All);
                    strategy.until = if until.filters.is_empty() {
                        vec![FilterSpec { rules: Vec::new(), correlate: Vec::new() }]
                    } else {
                        until.filters
                    };
                    strategy.stop = Stop::Consumed { all };
                }
            }
        }
        fields.finish()?;
        Ok(strategy)
    }

    fn filters(&mut self, place: &'a Located, key: &str) -> Result<Vec<FilterSpec>, ParseError> {
        let items = yaml::list(self.file, &format!("`{key}`"), place)?;
        if items.len() > MAX_FILTERS {
            return Err(at(
                self.file,
                place,
                format!("`{key}` has more than {MAX_FILTERS} filters; join some of them"),
            ));
        }
        items.iter().map(|i| self.filter(i)).collect()
    }

    fn filter(&mut self, place: &'a Located) -> Result<FilterSpec, ParseError> {
        let mut fields = Fields::open(self.file, "an event filter", place)?;
        let with = fields.require("with")?;
        let attributes = Fields::open(self.file, "`with` of an event filter", with)?.entries();
        if attributes.is_empty() {
            return Err(at(self.file, with, "`with` of an event filter must name at least one attribute"));
        }
        let mut rules = Vec::new();
        for entry in attributes {
            let what = format!("`{}` of the filter", yaml::clip(&entry.key));
            if !["source", "dataschema", "time", "data"].contains(&entry.key.as_str())
                && !TEXTS.contains(&entry.key.as_str())
            {
                attribute_name(self.file, entry.line, entry.column, &entry.key)?;
            }
            if TEXTS.contains(&entry.key.as_str()) {
                yaml::text(self.file, &what, &entry.value)?;
            }
            let matcher = match (&entry.value.value, entry.key.as_str()) {
                (Node::Text(text), "source" | "dataschema") if has_scheme(text) && !text.contains("${") => {
                    match Template::uri(text, &[]).map_err(|e| at(self.file, &entry.value, e))? {
                        Template::Constant(_) => MatcherSpec::Text(text.clone()),
                        template => MatcherSpec::Computed(template),
                    }
                }
                (_, "source" | "dataschema") => {
                    self.shaped(&entry.value, Shape::Uri, &what)?;
                    self.matcher(&entry.value, &what)?
                }
                (_, "time") => {
                    self.time(&entry.value, &what)?;
                    self.matcher(&entry.value, &what)?
                }
                _ => self.matcher(&entry.value, &what)?,
            };
            rules.push((Some(entry.key.clone()), matcher));
        }
        let mut correlate = Vec::new();
        if let Some(place) = fields.get("correlate") {
            for entry in Fields::open(self.file, "`correlate`", place)?.entries() {
                let what = format!("correlation `{}`", yaml::clip(&entry.key));
                let mut correlation = Fields::open(self.file, what, &entry.value)?;
                let from = self.expression(correlation.require("from")?, "`from`")?;
                let expect = correlation.get("expect");
                if let Some(place) = expect {
                    yaml::text(self.file, "`expect`", place)?;
                }
                let expect = expect.map(|p| self.template(p, "`expect`")).transpose()?;
                correlation.finish()?;
                correlate.push(CorrelationSpec { name: entry.key.clone(), from, expect });
            }
        }
        fields.finish()?;
        Ok(FilterSpec { rules, correlate })
    }

    /// What a value of an event must be like: an expression is asked, text may be a pattern, mappings and lists
    /// are looked into.
    fn matcher(&mut self, place: &'a Located, what: &str) -> Result<MatcherSpec, ParseError> {
        Ok(match &place.value {
            Node::Text(_) => match self.template(place, what)? {
                Template::Constant(Value::String(text)) => MatcherSpec::Text(text),
                Template::Constant(value) => MatcherSpec::Equals(value),
                Template::Expression(expression) | Template::Loose(expression, _) => {
                    MatcherSpec::Holds(expression)
                }
                template => MatcherSpec::Computed(template),
            },
            Node::Mapping(entries) => MatcherSpec::Mapping(
                entries.iter().map(|e| Ok((e.key.clone(), self.matcher(&e.value, what)?))).collect::<Result<
                    _,
                    ParseError,
                >>(
                )?,
            ),
            Node::Sequence(items) => {
                MatcherSpec::List(items.iter().map(|i| self.matcher(i, what)).collect::<Result<_, _>>()?)
            }
            _ => MatcherSpec::Equals(place.to_json()),
        })
    }

    /// What is done with each event or message.
    fn each_event(&mut self, place: &'a Located, path: &str) -> Result<Each, ParseError> {
        let mut fields = Fields::open(self.file, "`foreach`", place)?;
        let mut name = |key: &'static str, default: &str| match fields.get(key) {
            Some(place) => self.variable_name(place, &format!("`{key}` of `foreach`")),
            None => Ok(format!("${default}")),
        };
        let (item, index) = (name("item", "item")?, name("at", "index")?);
        self.scope.extend([item.clone(), index.clone()]);
        let body = match fields.get("do") {
            Some(place) => self.list("`foreach`", place, &format!("{path}/do"))?,
            None => Vec::new(),
        };
        let mut transform = |key: &'static str| -> Result<Transform, ParseError> {
            fields.get(key).map(|p| self.transform(p, "as")).transpose().map(Option::unwrap_or_default)
        };
        let (output, export) = (transform("output")?, transform("export")?);
        self.scope.truncate(self.scope.len() - 2);
        fields.finish()?;
        Ok(Each { item, at: index, body, output, export })
    }

    /// `subscription` of `call: asyncapi`.
    pub(super) fn consumption(&mut self, place: &'a Located, path: &str) -> Result<Consumption, ParseError> {
        let mut fields = Fields::open(self.file, "`subscription`", place)?;
        let filters = match fields.get("filter") {
            Some(place) => {
                let holds = MatcherSpec::Holds(self.marked(place, "`filter`")?);
                vec![FilterSpec { rules: vec![(None, holds)], correlate: Vec::new() }]
            }
            None => Vec::new(),
        };
        let consume = fields.require("consume")?;
        let mut lifetime = Fields::open(self.file, "`consume`", consume)?;
        let window = lifetime.get("for").map(|p| self.duration(p, "`for` of `consume`")).transpose()?;
        let mut stops = Vec::new();
        if let Some(place) = lifetime.get("amount") {
            stops.push(Stop::Amount(u64::from(data::whole(self.file, place, "`amount`")?)));
        }
        for (key, endless) in [("while", "true"), ("until", "false")] {
            let Some(place) = lifetime.get(key) else { continue };
            let condition = self.marked(place, &format!("`{key}`"))?;
            let never = condition.source().trim() == endless;
            stops.push(match key {
                _ if never => Stop::Never,
                "while" => Stop::While(condition),
                _ => Stop::Until(condition),
            });
        }
        lifetime.finish()?;
        let mut stops = stops.into_iter();
        let (Some(stop), None) = (stops.next(), stops.next()) else {
            return Err(at(self.file, consume, "`consume` needs exactly one of `amount`, `while`, `until`"));
        };
        let path = format!("{path}/with/subscription/foreach");
        let each = fields.get("foreach").map(|p| self.each_event(p, &path)).transpose()?;
        fields.finish()?;
        Ok(Consumption { stop, filters, each, window, subscription: None })
    }

    /// An expression that must stand in `${ }`.
    fn marked(&mut self, place: &Located, what: &str) -> Result<crate::Expression, ParseError> {
        let text = yaml::text(self.file, what, place)?;
        if !is_expression(text) {
            return Err(at(
                self.file,
                place,
                format!("{what} must be one expression, such as `${{ .a == 1 }}`"),
            ));
        }
        self.expression(place, what)
    }
}

/// Names of attributes of CloudEvents: lower-case letters and digits (CloudEvents 1.0, "Naming Conventions").
fn attribute_name(file: &str, line: u32, column: u32, name: &str) -> Result<(), ParseError> {
    let fine = !name.is_empty()
        && name.len() <= 64
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    if fine {
        return Ok(());
    }
    let known = ["id", "source", "type", "time", "subject", "datacontenttype", "dataschema", "data"];
    let hint = yaml::suggest(name, known.into_iter()).map_or_else(
        || "attributes have lower-case letters and digits only".to_owned(),
        |s| format!("did you mean `{s}`?"),
    );
    let message = format!("an event has no attribute `{}`; {hint}", yaml::clip(name));
    Err(ParseError { file: file.to_owned(), line, column, message })
}
