//! Which CloudEvents a workflow listens to (DSL reference, "Event Filter"), as data a driver can keep.
//!
//! A filter is made when listening begins: what its expressions know of the run (`$context`, `$input`, …) is fixed
//! at that moment. A hostile event can make a filter say no, never fail. No subscriptions here: the driver has them.

use std::collections::BTreeMap;

use model::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::expression::{Expression, Template, truthy};

/// Most bytes of a compiled regular expression.
const MAX_PATTERN_BYTES: usize = 1 << 18;

/// What an event must be like.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EventFilter {
    pub(crate) rules: Vec<Rule>,
    pub(crate) correlate: Vec<Correlation>,
}

/// What one attribute must be like.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Rule {
    /// The attribute; none for the event as a whole.
    pub(crate) attribute: Option<String>,
    pub(crate) matcher: Matcher,
}

/// What a value must be like.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Matcher {
    /// The expression, given the value, is true; or it gives text, a number, a list or a mapping that equals the value.
    Holds(Fixed),
    /// The value is this text, or matches it as a regular expression from beginning to end.
    Text(Pattern),
    /// The value is this.
    Equals(Value),
    /// The value is a mapping in which each of these is like that; other keys may be there.
    Mapping(Vec<(String, Matcher)>),
    /// The value is a list with these items.
    List(Vec<Matcher>),
}

/// A link between events: a value taken from each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Correlation {
    pub(crate) name: String,
    /// Evaluated on the event as a whole.
    pub(crate) from: Fixed,
    /// What it must give; none when the first event decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expect: Option<Value>,
}

/// A filter as a document has it.
#[derive(Clone, Debug)]
pub(crate) struct FilterSpec {
    pub(crate) rules: Vec<(Option<String>, MatcherSpec)>,
    pub(crate) correlate: Vec<CorrelationSpec>,
}

/// What a value must be like, as a document has it.
#[derive(Clone, Debug)]
pub(crate) enum MatcherSpec {
    Holds(Expression),
    Text(String),
    /// Text that depends on the task.
    Computed(Template),
    Equals(Value),
    Mapping(Vec<(String, MatcherSpec)>),
    List(Vec<MatcherSpec>),
}

/// A correlation as a document has it.
#[derive(Clone, Debug)]
pub(crate) struct CorrelationSpec {
    pub(crate) name: String,
    pub(crate) from: Expression,
    pub(crate) expect: Option<Template>,
}

impl FilterSpec {
    /// Fixes what the filter refers to: `input` is that of the task, `variable` gives the value of a name.
    pub(crate) fn fix(&self, input: &Value, variable: &dyn Fn(&str) -> Value) -> Result<EventFilter, String> {
        let rule = |(attribute, matcher): &(Option<String>, MatcherSpec)| {
            Ok(Rule { attribute: attribute.clone(), matcher: matcher.fix(input, variable)? })
        };
        let correlation = |spec: &CorrelationSpec| {
            let expect = spec.expect.as_ref().map(|t| t.evaluate(input, variable)).transpose()?;
            Ok(Correlation { name: spec.name.clone(), from: Fixed::new(&spec.from, variable), expect })
        };
        Ok(EventFilter {
            rules: self.rules.iter().map(rule).collect::<Result<_, String>>()?,
            correlate: self.correlate.iter().map(correlation).collect::<Result<_, String>>()?,
        })
    }
}

impl MatcherSpec {
    fn fix(&self, input: &Value, variable: &dyn Fn(&str) -> Value) -> Result<Matcher, String> {
        Ok(match self {
            Self::Holds(expression) => Matcher::Holds(Fixed::new(expression, variable)),
            Self::Text(text) => Matcher::Text(Pattern::from(text.clone())),
            Self::Computed(template) => Matcher::Equals(template.evaluate(input, variable)?),
            Self::Equals(value) => Matcher::Equals(value.clone()),
            Self::Mapping(pairs) => {
                let pairs = pairs.iter().map(|(k, m)| Ok((k.clone(), m.fix(input, variable)?)));
                Matcher::Mapping(pairs.collect::<Result<_, String>>()?)
            }
            Self::List(items) => {
                Matcher::List(items.iter().map(|m| m.fix(input, variable)).collect::<Result<_, _>>()?)
            }
        })
    }
}

/// An expression with the values of the variables it uses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "FixedText", into = "FixedText")]
pub(crate) struct Fixed {
    pub(crate) expression: Expression,
    pub(crate) variables: Vec<(String, Value)>,
}

#[derive(Serialize, Deserialize)]
struct FixedText {
    expression: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    variables: Vec<(String, Value)>,
}

impl TryFrom<FixedText> for Fixed {
    type Error = String;

    fn try_from(text: FixedText) -> Result<Self, String> {
        let names: Vec<&str> = text.variables.iter().map(|(n, _)| n.as_str()).collect();
        let expression = Expression::compile(&text.expression, &names)?;
        Ok(Self { expression, variables: text.variables })
    }
}

impl From<Fixed> for FixedText {
    fn from(fixed: Fixed) -> Self {
        Self { expression: fixed.expression.source().to_owned(), variables: fixed.variables }
    }
}

impl Fixed {
    /// Takes the values of the variables now.
    pub(crate) fn new(expression: &Expression, variable: &dyn Fn(&str) -> Value) -> Self {
        let variables = expression.variables().iter().map(|n| (n.clone(), variable(n))).collect();
        Self { expression: expression.clone(), variables }
    }

    /// What it gives; nothing when it fails.
    fn evaluate(&self, on: &Value) -> Option<Value> {
        let variable = |name: &str| {
            self.variables.iter().find(|(n, _)| n == name).map_or(Value::Null, |(_, v)| v.clone())
        };
        self.expression.evaluate(on, &variable).ok()
    }
}

/// Text that may be a regular expression.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub(crate) struct Pattern {
    text: String,
    regex: Option<regex::Regex>,
}

impl From<String> for Pattern {
    fn from(text: String) -> Self {
        // A dot alone makes no expression of a name such as com.example.order: that would match other names too.
        let special = text.contains(['*', '+', '?', '[', ']', '(', ')', '{', '}', '|', '^', '$', '\\']);
        let regex = special
            .then(|| {
                regex::RegexBuilder::new(&format!("^(?:{text})$")).size_limit(MAX_PATTERN_BYTES).build().ok()
            })
            .flatten();
        Self { text, regex }
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.text
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Matcher {
    fn matches(&self, value: &Value) -> bool {
        match self {
            Self::Holds(fixed) => match fixed.evaluate(value) {
                None | Some(Value::Null) => false,
                Some(Value::Bool(holds)) if !value.is_boolean() => holds,
                // Asked of a boolean, true and false are answers all the same: `${ . }`, `${ not }`.
                Some(given @ Value::Bool(_)) => truthy(&given),
                Some(given) => given == *value,
            },
            Self::Text(pattern) => value.as_str().is_some_and(|text| {
                text == pattern.text || pattern.regex.as_ref().is_some_and(|r| r.is_match(text))
            }),
            Self::Equals(given) => given == value,
            Self::Mapping(pairs) => value.as_object().is_some_and(|map| {
                pairs.iter().all(|(key, matcher)| map.get(key).is_some_and(|v| matcher.matches(v)))
            }),
            Self::List(matchers) => value.as_array().is_some_and(|items| {
                items.len() == matchers.len() && matchers.iter().zip(items).all(|(m, v)| m.matches(v))
            }),
        }
    }
}

impl EventFilter {
    /// The event type it asks for, when that is one plain text: for finding candidates fast.
    #[must_use]
    pub fn event_type(&self) -> Option<&str> {
        self.rules.iter().find(|r| r.attribute.as_deref() == Some("type")).and_then(|r| match &r.matcher {
            Matcher::Text(pattern) if pattern.regex.is_none() => Some(pattern.text.as_str()),
            _ => None,
        })
    }

    /// The values of its correlations in this event; nothing when one is missing or not as expected.
    pub(crate) fn correlations(&self, event: &Value) -> Option<Vec<(&str, Value)>> {
        self.correlate
            .iter()
            .map(|c| {
                let value = c.from.evaluate(event).filter(|v| !v.is_null())?;
                c.expect.as_ref().is_none_or(|e| *e == value).then_some((c.name.as_str(), value))
            })
            .collect()
    }
}

/// Whether a CloudEvent (in its JSON format) passes a filter. Correlations that the first event decides are not
/// looked at; the run does that.
#[must_use]
pub fn matches(filter: &EventFilter, event: &Value) -> bool {
    let decoded = decoded(event);
    let attribute = |name: &str| match name {
        "data" => decoded.as_ref().or_else(|| event.get("data")),
        name => event.get(name),
    };
    filter.rules.iter().all(|rule| match &rule.attribute {
        Some(name) => attribute(name).is_some_and(|value| rule.matcher.matches(value)),
        None => rule.matcher.matches(event),
    }) && filter.correlations(event).is_some()
}

/// Which of some filters have their event, and what correlations agreed on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Gathered {
    taken: Vec<bool>,
    /// What the first events said of correlations that expect nothing given.
    agreed: BTreeMap<String, Value>,
}

impl Gathered {
    pub(crate) fn new(filters: usize) -> Self {
        Self { taken: vec![false; filters], agreed: BTreeMap::new() }
    }

    /// Lets the first of the filters that takes the event have it. The filters have the places from `first` on;
    /// with `once` each takes one event only.
    pub(crate) fn claim(&mut self, filters: &[EventFilter], first: usize, once: bool, event: &Value) -> bool {
        for (filter, taken) in filters.iter().zip(&mut self.taken[first..]) {
            if once && *taken || !matches(filter, event) {
                continue;
            }
            let Some(found) = filter.correlations(event) else { continue };
            if found.iter().any(|(name, value)| self.agreed.get(*name).is_some_and(|k| k != value)) {
                continue;
            }
            self.agreed.extend(found.into_iter().map(|(n, v)| (n.to_owned(), v)));
            *taken = true;
            return true;
        }
        false
    }

    /// Whether every filter from this place on has an event.
    pub(crate) fn full(&self, from: usize) -> bool {
        self.taken[from..].iter().all(|t| *t)
    }

    /// Whether every filter between these places has an event.
    pub(crate) fn full_to(&self, to: usize) -> bool {
        self.taken[..to].iter().all(|t| *t)
    }
}

/// What an event reads as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    Data,
    Envelope,
    Raw,
}

/// The part of an event that a workflow reads.
pub(crate) fn read(event: &Value, read: Read) -> Value {
    match read {
        Read::Envelope => event.clone(),
        Read::Raw => event.get("data_base64").or_else(|| event.get("data")).cloned().unwrap_or(Value::Null),
        Read::Data => decoded(event).or_else(|| event.get("data").cloned()).unwrap_or(Value::Null),
    }
}

/// Data that came as bytes: as JSON or text where it is that, as base64 where it is not. Nothing when it did not
/// come as bytes.
fn decoded(event: &Value) -> Option<Value> {
    use base64::Engine as _;
    let text = event.get("data_base64")?.as_str()?;
    let Ok(bytes) = base64::engine::general_purpose::STANDARD.decode(text) else {
        return Some(Value::String(text.to_owned()));
    };
    let media = event.get("datacontenttype").and_then(Value::as_str).unwrap_or("application/json");
    let json = media.split(';').next().is_some_and(|m| m.trim().ends_with("json"));
    if json && let Ok(value) = serde_json::from_slice(&bytes) {
        return Some(value);
    }
    Some(Value::String(String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())))
}

/// The CloudEvent (JSON format, version 1.0) that an `emit` call asks for: its parameters with what every event
/// has. `key` is the key of the call, so an event that is sent twice has one id.
#[must_use]
pub fn cloud_event(parameters: &Value, key: &str, at: Timestamp) -> Value {
    let mut event = Map::new();
    event.insert("specversion".into(), "1.0".into());
    event.insert("id".into(), key.into());
    event.insert("time".into(), at.to_string().into());
    if parameters.get("data").is_some() {
        event.insert("datacontenttype".into(), json!("application/json"));
    }
    for (name, value) in parameters.as_object().into_iter().flatten().filter(|(_, v)| !v.is_null()) {
        event.insert(name.clone(), value.clone());
    }
    Value::Object(event)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn holds(source: &str, variables: &[(&str, Value)]) -> Matcher {
        let names: Vec<&str> = variables.iter().map(|(n, _)| *n).collect();
        let expression = Expression::compile(source, &names).expect(source);
        let value =
            |name: &str| variables.iter().find(|(n, _)| *n == name).map_or(Value::Null, |(_, v)| v.clone());
        Matcher::Holds(Fixed::new(&expression, &value))
    }

    fn text(text: &str) -> Matcher {
        Matcher::Text(Pattern::from(text.to_owned()))
    }

    #[test]
    fn values_match_rules() {
        let event = json!({
            "specversion": "1.0", "id": "1", "type": "com.example.order", "source": "https://a/b?c=d", "flag": true,
            "data": {"total": 38.5, "items": [1, 2], "who": {"name": "Ann"}},
        });
        for (attribute, matcher, expect) in [
            ("type", text("com.example.order"), true),
            ("type", text("comXexample.order"), false),
            ("type", text("com.example"), false),
            ("type", text("com\\.example\\..*"), true),
            ("type", text("com\\.example"), false),
            ("source", text("https://a/b?c=d"), true),
            ("subject", text(".*"), false),
            ("flag", Matcher::Equals(json!(true)), true),
            ("flag", holds("not", &[]), false),
            ("flag", holds(".", &[]), true),
            ("data", holds(".total > 38", &[]), true),
            ("data", holds(".total > $limit", &[("$limit", json!(40))]), false),
            ("data", holds(".missing", &[]), false),
            ("data", holds("error(\"x\")", &[]), false),
            ("type", holds("\"com.example.\" + $kind", &[("$kind", json!("order"))]), true),
            ("type", holds("$kind", &[("$kind", json!("order"))]), false),
            (
                "data",
                Matcher::Mapping(vec![("who".into(), Matcher::Mapping(vec![("name".into(), text("A.*"))]))]),
                true,
            ),
            ("data", Matcher::Mapping(vec![("whom".into(), text("A.*"))]), false),
            (
                "data",
                Matcher::Mapping(vec![(
                    "items".into(),
                    Matcher::List(vec![holds(". > 0", &[]), holds(". > 1", &[])]),
                )]),
                true,
            ),
            (
                "data",
                Matcher::Mapping(vec![("items".into(), Matcher::List(vec![holds(". > 0", &[])]))]),
                false,
            ),
        ] {
            let filter = EventFilter {
                rules: vec![Rule { attribute: Some(attribute.to_owned()), matcher }],
                correlate: vec![],
            };
            assert_eq!(matches(&filter, &event), expect, "{attribute} {filter:?}");
            let kept: EventFilter =
                serde_json::from_str(&serde_json::to_string(&filter).expect("it is data"))
                    .expect("it was data");
            assert_eq!(kept, filter);
            assert_eq!(matches(&kept, &event), expect, "{attribute} {filter:?} after storing");
        }
        assert!(matches(&EventFilter::default(), &json!("anything")));
    }

    #[test]
    fn the_type_is_known_when_it_is_plain() {
        for (matcher, expect) in [(text("a.b"), Some("a.b")), (text("a.*"), None), (holds(".", &[]), None)] {
            let filter = EventFilter {
                rules: vec![Rule { attribute: Some("type".into()), matcher }],
                correlate: vec![],
            };
            assert_eq!(filter.event_type(), expect);
        }
    }

    #[test]
    fn bytes_are_read_as_what_they_are() {
        for (event, data, raw) in [
            (json!({"data": {"a": 1}}), json!({"a": 1}), json!({"a": 1})),
            (json!({"data_base64": "eyJhIjoxfQ=="}), json!({"a": 1}), json!("eyJhIjoxfQ==")),
            (json!({"data_base64": "aGk=", "datacontenttype": "text/plain"}), json!("hi"), json!("aGk=")),
            (json!({"data_base64": "/w==", "datacontenttype": "image/png"}), json!("/w=="), json!("/w==")),
            (json!({"data_base64": "%"}), json!("%"), json!("%")),
            (json!({}), Value::Null, Value::Null),
        ] {
            assert_eq!(read(&event, Read::Data), data, "{event}");
            assert_eq!(read(&event, Read::Raw), raw, "{event}");
            assert_eq!(read(&event, Read::Envelope), event);
        }
        let filter = EventFilter {
            rules: vec![Rule { attribute: Some("data".into()), matcher: holds(".a == 1", &[]) }],
            correlate: vec![],
        };
        assert!(matches(&filter, &json!({"data_base64": "eyJhIjoxfQ=="})));
    }

    #[test]
    fn an_emitted_event_is_whole() {
        let at = Timestamp::from_unix_ms(1_700_000_000_000);
        let event = cloud_event(
            &json!({"source": "https://a", "type": "t", "data": {"n": 1}, "subject": null}),
            "run#0",
            at,
        );
        assert_eq!(
            event,
            json!({
                "specversion": "1.0", "id": "run#0", "time": "2023-11-14T22:13:20.000Z", "datacontenttype": "application/json",
                "source": "https://a", "type": "t", "data": {"n": 1},
            })
        );
        assert_eq!(
            cloud_event(&json!({"id": "mine", "data": "x", "datacontenttype": "text/plain"}), "k", at)["id"],
            "mine"
        );
    }
}
