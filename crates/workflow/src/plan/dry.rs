//! Evaluation without answers: what a call would give is unknown, and what follows from it is found out by trying.
//!
//! An unknown value is a marker that names the tasks whose answers it depends on. An expression that sees a marker
//! is evaluated several times, with unlike values in its place. Where every result is the same the answer does
//! not matter; where they differ the result is unknown in turn.

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::expression::{Expression, Template, truthy};

/// The one key of a marker. No document can write it by accident.
const UNKNOWN: &str = "\u{1}unknown";
/// Names of an expression that are tried as fields.
const MAX_NAMES: usize = 16;

/// A run without answers. It remembers what was decided although it could not be known.
#[derive(Debug, Default)]
pub(crate) struct Dry {
    /// How the first decisions are taken; later ones are taken as they come.
    forced: Vec<bool>,
    taken: RefCell<Vec<Decision>>,
}

/// A condition whose outcome depends on answers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Decision {
    /// JSON pointer of the task.
    pub(crate) path: String,
    /// The condition.
    pub(crate) condition: String,
    /// How it was taken.
    pub(crate) holds: bool,
}

impl Dry {
    pub(super) fn new(forced: Vec<bool>) -> Self {
        Self { forced, taken: RefCell::default() }
    }

    pub(super) fn decisions(self) -> Vec<Decision> {
        self.taken.into_inner()
    }

    pub(super) fn decided(&self) -> usize {
        self.taken.borrow().len()
    }

    /// Whether a condition holds. What cannot be known is assumed to hold the first time, so that loops end.
    pub(crate) fn holds(
        &self,
        path: &str,
        condition: &Expression,
        on: &Value,
        variable: &dyn Fn(&str) -> Value,
    ) -> Result<bool, String> {
        let value = expression(condition, on, variable)?;
        if depends_on(&value).is_empty() {
            return Ok(truthy(&value));
        }
        let mut taken = self.taken.borrow_mut();
        let again = taken.iter().any(|d| d.path == path && d.condition == condition.source());
        let holds = self.forced.get(taken.len()).copied().unwrap_or(!again);
        let (path, condition) = (path.to_owned(), condition.source().to_owned());
        taken.push(Decision { path, condition, holds });
        Ok(holds)
    }
}

/// What the task at this path would give.
pub(crate) fn unknown(path: &str) -> Value {
    marker(&BTreeSet::from([path.to_owned()]))
}

fn marker(paths: &BTreeSet<String>) -> Value {
    let mut map = Map::new();
    map.insert(UNKNOWN.to_owned(), json!(paths));
    Value::Object(map)
}

/// The paths that a marker names; nothing for any other value.
fn marked(value: &Value) -> Option<&Vec<Value>> {
    value.as_object().filter(|map| map.len() == 1)?.get(UNKNOWN)?.as_array()
}

pub(crate) fn is_unknown(value: &Value) -> bool {
    marked(value).is_some()
}

/// The tasks whose answers a value depends on, at any depth.
pub(crate) fn depends_on(value: &Value) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match (marked(value), value) {
            (Some(found), _) => paths.extend(found.iter().filter_map(Value::as_str).map(str::to_owned)),
            (None, Value::Array(items)) => open.extend(items),
            (None, Value::Object(map)) => open.extend(map.values()),
            _ => {}
        }
    }
    paths
}

/// The value with something in place of each marker.
pub(super) fn fill(value: &Value, with: &dyn Fn(&[Value]) -> Value) -> Value {
    match (marked(value), value) {
        (Some(paths), _) => with(paths),
        (None, Value::Array(items)) => items.iter().map(|i| fill(i, with)).collect(),
        (None, Value::Object(map)) => {
            Value::Object(map.iter().map(|(k, v)| (k.clone(), fill(v, with))).collect())
        }
        (None, other) => other.clone(),
    }
}

/// Evaluates a template; what depends on answers becomes a marker.
pub(crate) fn template(
    template: &Template,
    on: &Value,
    variable: &dyn Fn(&str) -> Value,
) -> Result<Value, String> {
    Ok(match template {
        Template::Expression(source) => expression(source, on, variable)?,
        Template::List(items) => {
            Value::Array(items.iter().map(|i| self::template(i, on, variable)).collect::<Result<_, _>>()?)
        }
        Template::Mapping(pairs) => {
            let pairs = pairs.iter().map(|(k, t)| Ok((k.clone(), self::template(t, on, variable)?)));
            Value::Object(pairs.collect::<Result<Map<_, _>, String>>()?)
        }
        Template::Loose(source, _) => {
            several(&names(source.source()), on, variable, &|on, variable| template.evaluate(on, variable))?
        }
        Template::Constant(_) | Template::Text(_) | Template::Uri(_) => {
            several(&BTreeSet::new(), on, variable, &|on, variable| template.evaluate(on, variable))?
        }
    })
}

/// Evaluates an expression; what depends on answers becomes a marker.
pub(crate) fn expression(
    source: &Expression,
    on: &Value,
    variable: &dyn Fn(&str) -> Value,
) -> Result<Value, String> {
    several(&names(source.source()), on, variable, &|on, variable| source.evaluate(on, variable))
}

type Evaluate<'a> = dyn Fn(&Value, &dyn Fn(&str) -> Value) -> Result<Value, String> + 'a;

fn several(
    names: &BTreeSet<String>,
    on: &Value,
    variable: &dyn Fn(&str) -> Value,
    evaluate: &Evaluate<'_>,
) -> Result<Value, String> {
    let seen = RefCell::new(depends_on(on));
    let watched = |name: &str| {
        let value = variable(name);
        seen.borrow_mut().extend(depends_on(&value));
        value
    };
    let first = evaluate(on, &watched);
    let seen = seen.into_inner();
    if seen.is_empty() {
        return first;
    }
    let fields = |leaf: Value| Value::Object(names.iter().map(|n| (n.clone(), leaf.clone())).collect());
    let tries = [
        Value::Null,
        json!(true),
        json!(7),
        json!("text"),
        json!([]),
        fields(json!(true)),
        fields(fields(json!(7))),
    ];
    let results: Vec<Value> = tries
        .iter()
        .filter_map(|value| {
            let on = fill(on, &|_| value.clone());
            evaluate(&on, &|name| fill(&variable(name), &|_| value.clone())).ok()
        })
        .collect();
    // An answer with which it fails matters, even where all others give the same.
    let failed = results.len() < tries.len();
    if failed && results.windows(2).all(|pair| pair[0] == pair[1]) {
        return Ok(marker(&seen));
    }
    Ok(common(&results.iter().collect::<Vec<_>>(), &seen))
}

/// What all results have in common; markers where they differ.
fn common(results: &[&Value], seen: &BTreeSet<String>) -> Value {
    let Some((first, rest)) = results.split_first() else { return Value::Null };
    if rest.iter().all(|r| r == first) {
        return (*first).clone();
    }
    match first {
        Value::Object(map)
            if rest.iter().all(|r| {
                r.as_object().is_some_and(|m| m.len() == map.len() && map.keys().all(|k| m.contains_key(k)))
            }) =>
        {
            let part = |key: &String| common(&results.iter().map(|r| &r[key]).collect::<Vec<_>>(), seen);
            Value::Object(map.keys().map(|k| (k.clone(), part(k))).collect())
        }
        Value::Array(items) if rest.iter().all(|r| r.as_array().is_some_and(|a| a.len() == items.len())) => {
            (0..items.len())
                .map(|i| common(&results.iter().map(|r| &r[i]).collect::<Vec<_>>(), seen))
                .collect()
        }
        _ => marker(seen),
    }
}

/// Words of an expression that may be names of fields.
fn names(source: &str) -> BTreeSet<String> {
    let words = source.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|w| !w.is_empty());
    words.map(str::to_owned).collect::<BTreeSet<_>>().into_iter().take(MAX_NAMES).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_depends_on_an_answer_is_found() {
        let on = json!({"n": 1, "got": unknown("/do/0/a"), "list": [1, unknown("/do/1/b")]});
        for (source, unknown_paths, value) in [
            (".n + 1", vec![], json!(2)),
            (".list[0]", vec![], json!(1)),
            (".got.pid", vec!["/do/0/a"], Value::Null),
            (".got.ok == true", vec!["/do/0/a"], Value::Null),
            (".got.ok? // false", vec!["/do/0/a"], Value::Null),
            ("\"is \\(.list[1])\"", vec!["/do/1/b"], Value::Null),
            (".list | length", vec![], json!(2)),
            ("{a: .n, b: .got.x}", vec!["/do/0/a"], Value::Null),
        ] {
            let expression_ = Expression::compile(source, &[]).expect(source);
            let got = expression(&expression_, &on, &|_| Value::Null).expect(source);
            let found: Vec<String> = depends_on(&got).into_iter().collect();
            // Where several markers are seen, each of them may be the reason.
            assert_eq!(found.is_empty(), unknown_paths.is_empty(), "{source}: {got}");
            for path in unknown_paths {
                assert!(found.iter().any(|f| f == path), "{source}: {found:?}");
            }
            if found.is_empty() {
                assert_eq!(got, value, "{source}");
            }
        }
        let mapping = Expression::compile("{a: .n, b: .got.x}", &[]).expect("it is jq");
        let got = expression(&mapping, &on, &|_| Value::Null).expect("it can be tried");
        assert_eq!(got["a"], json!(1), "what is known stays known");
    }
}
