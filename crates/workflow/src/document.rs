//! Reads a Serverless Workflow document (DSL 1.0.x) strictly into a [`Definition`].
//!
//! A field the standard does not know is refused with a suggestion. A part of the standard that this version
//! does not run yet is refused by name, so that no document silently does less than it says.

mod auth;
mod calls;
mod data;
mod events;
mod shape;
mod tasks;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::definition::{Definition, Document, Task, TaskIndex, Transform};
use crate::duration::DurationSpec;
use crate::expression::{Expression, Template};
use crate::yaml::{self, Fields, Located, Node, ParseError, at};

/// Most expressions one document may hold.
const MAX_EXPRESSIONS: usize = 2_000;

/// Arguments every expression may name (specification, "Runtime expression arguments"), and the time for `now`.
const ARGUMENTS: [&str; 9] = [
    "$context",
    "$input",
    "$output",
    "$task",
    "$workflow",
    "$runtime",
    "$secrets",
    "$authorization",
    "$__now",
];

impl Definition {
    /// Reads a document. `file` names it in errors.
    ///
    /// # Errors
    /// It is not a valid document, or uses what this version does not run; file, line and column say where.
    pub fn parse(file: &str, yaml: &str) -> Result<Self, ParseError> {
        Self::parse_at(file, yaml, 1)
    }

    /// Reads a document that begins on line `first_line` of its file, as in a Markdown page.
    ///
    /// # Errors
    /// As [`Definition::parse`].
    pub fn parse_at(file: &str, yaml: &str, first_line: u32) -> Result<Self, ParseError> {
        let root = yaml::read(file, yaml, first_line)?;
        let mut fields = Fields::open(file, "a workflow document", &root)?;
        let document = document(file, fields.require("document")?)?;
        let reusable = match fields.get("use") {
            Some(place) => Reusable::read(file, place)?,
            None => Reusable::default(),
        };
        let loose = fields.get("evaluate").map(|p| evaluate(file, p)).transpose()?.unwrap_or(false);
        let mut reader =
            Reader { file, reusable, tasks: Vec::new(), expressions: 0, scope: Vec::new(), loose };
        let input = fields.get("input").map(|p| reader.transform(p, "from")).transpose()?.unwrap_or_default();
        let output = fields.get("output").map(|p| reader.transform(p, "as")).transpose()?.unwrap_or_default();
        let timeout = fields.get("timeout").map(|p| reader.timeout(p)).transpose()?;
        let body = fields.require("do")?;
        if fields.has("schedule") {
            return Err(fields.error("schedule", unsupported("schedule")));
        }
        fields.finish()?;
        let root_list = reader.list("the workflow", body, "/do")?;
        let tasks = reader.tasks.into_iter().map(|t| t.expect("every reserved task was read")).collect();
        let compensates = document.metadata.get("compensate") != Some(&Value::Bool(false));
        Ok(Self {
            document,
            source: root.to_json(),
            tasks,
            root: root_list,
            input,
            output,
            timeout,
            compensates,
        })
    }
}

/// What a part of the standard that is not run yet is answered with.
fn unsupported(what: &str) -> String {
    format!("`{what}` is part of the standard, but this version does not run it; remove it")
}

fn document(file: &str, place: &Located) -> Result<Document, ParseError> {
    let mut fields = Fields::open(file, "`document`", place)?;
    let dsl = fields.require_text("dsl")?.to_owned();
    if !dsl.starts_with("1.0.") {
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
    let core = version.split(['-', '+']).next().unwrap_or_default();
    if core.split('.').count() != 3
        || !core.split('.').all(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    {
        return Err(fields.error("version", "`version` must be a semantic version such as '1.0.0'"));
    }
    let title = fields.text("title")?.map(str::to_owned);
    let summary = fields.text("summary")?.map(str::to_owned);
    let tags = match fields.get("tags").map(Located::to_json) {
        Some(Value::Object(map)) => map.into_iter().collect::<BTreeMap<_, _>>(),
        _ => BTreeMap::new(),
    };
    let metadata = fields.get("metadata").map_or(Value::Null, Located::to_json);
    fields.finish()?;
    Ok(Document { dsl, namespace, name, version, title, summary, tags, metadata })
}

/// Whether expressions are evaluated in mode `loose`.
fn evaluate(file: &str, place: &Located) -> Result<bool, ParseError> {
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

/// Parts of `use` that tasks refer to by name.
#[derive(Default)]
struct Reusable<'a> {
    errors: Vec<(&'a str, &'a Located)>,
    retries: Vec<(&'a str, &'a Located)>,
    timeouts: Vec<(&'a str, &'a Located)>,
    authentications: Vec<(&'a str, &'a Located)>,
    /// Names of the secrets that may be used.
    secrets: Vec<&'a str>,
}

fn secrets<'a>(file: &str, place: &'a Located) -> Result<Vec<&'a str>, ParseError> {
    let mut names = Vec::new();
    for item in yaml::list(file, "`secrets`", place)? {
        let name = yaml::text(file, "the name of a secret", item)?;
        let fine = (1..=128).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
        if !fine {
            return Err(at(
                file,
                item,
                "the name of a secret must have 1 to 128 letters, digits, `_`, `.` or `-`",
            ));
        }
        names.push(name);
    }
    Ok(names)
}

impl<'a> Reusable<'a> {
    fn read(file: &'a str, place: &'a Located) -> Result<Self, ParseError> {
        let mut fields = Fields::open(file, "`use`", place)?;
        for key in ["catalogs", "extensions", "functions"] {
            if fields.has(key) {
                return Err(fields.error(key, unsupported(key)));
            }
        }
        let mut named = |key: &'static str| -> Result<Vec<(&'a str, &'a Located)>, ParseError> {
            let Some(place) = fields.get(key) else { return Ok(Vec::new()) };
            match &place.value {
                Node::Mapping(entries) => Ok(entries.iter().map(|e| (e.key.as_str(), &e.value)).collect()),
                other => {
                    Err(at(file, place, format!("`{key}` must be a mapping of names, not {}", other.kind())))
                }
            }
        };
        let (errors, retries, timeouts) = (named("errors")?, named("retries")?, named("timeouts")?);
        let authentications = named("authentications")?;
        let secrets = match fields.get("secrets") {
            Some(place) => secrets(file, place)?,
            None => Vec::new(),
        };
        let reusable = Self { errors, retries, timeouts, authentications, secrets };
        fields.finish()?;
        Ok(reusable)
    }
}

/// Reads tasks, collecting them.
struct Reader<'a> {
    file: &'a str,
    reusable: Reusable<'a>,
    tasks: Vec<Option<Task>>,
    expressions: usize,
    /// Names of variables of enclosing loops and catches, with `$`.
    scope: Vec<String>,
    /// Whether text without `${ }` may be an expression.
    loose: bool,
}

impl<'a> Reader<'a> {
    fn reserve(&mut self) -> TaskIndex {
        self.tasks.push(None);
        TaskIndex::try_from(self.tasks.len() - 1).expect("the number of nodes of a document is bounded")
    }

    /// The definition behind a reference by name, or the place itself.
    fn resolve(
        &self,
        kind: &str,
        list: for<'r> fn(&'r Reusable<'a>) -> &'r [(&'a str, &'a Located)],
        place: &'a Located,
    ) -> Result<&'a Located, ParseError> {
        let Node::Text(name) = &place.value else { return Ok(place) };
        let known = list(&self.reusable);
        if let Some((_, found)) = known.iter().find(|(n, _)| n == name) {
            return Ok(found);
        }
        let hint = yaml::suggest(name, known.iter().map(|(n, _)| *n))
            .map_or_else(|| format!("define it under `use.{kind}`"), |s| format!("did you mean `{s}`?"));
        Err(at(self.file, place, format!("there is no `{}` in `use.{kind}`; {hint}", yaml::clip(name))))
    }

    fn counted(&mut self, place: &Located) -> Result<(), ParseError> {
        self.expressions += 1;
        if self.expressions > MAX_EXPRESSIONS {
            return Err(at(
                self.file,
                place,
                format!("the document has more than {MAX_EXPRESSIONS} expressions; split it"),
            ));
        }
        Ok(())
    }

    fn variables(&self) -> Vec<&str> {
        ARGUMENTS.iter().copied().chain(self.scope.iter().map(String::as_str)).collect()
    }

    /// An expression with or without `${ }`.
    fn expression(&mut self, place: &Located, what: &str) -> Result<Expression, ParseError> {
        let text = yaml::text(self.file, what, place)?;
        self.compile(place, crate::expression::template::whole(text).unwrap_or(text), what)
    }

    fn compile(&mut self, place: &Located, source: &str, what: &str) -> Result<Expression, ParseError> {
        self.counted(place)?;
        let expression = Expression::compile(source, &self.variables())
            .map_err(|e| at(self.file, place, format!("{what}: {e}")))?;
        expression.secrets().iter().try_for_each(|name| self.known_secret(place, name))?;
        Ok(expression)
    }

    fn known_secret(&self, place: &Located, name: &str) -> Result<(), ParseError> {
        let known = &self.reusable.secrets;
        if known.contains(&name) {
            return Ok(());
        }
        let hint = yaml::suggest(name, known.iter().copied())
            .map_or_else(|| "name it in `use.secrets`".to_owned(), |s| format!("did you mean `{s}`?"));
        Err(at(self.file, place, format!("there is no `{}` in `use.secrets`; {hint}", yaml::clip(name))))
    }

    /// A variable's name with its `$`.
    fn variable_name(&self, place: &Located, what: &str) -> Result<String, ParseError> {
        let text = yaml::text(self.file, what, place)?;
        let fine = text.len() <= 64
            && text.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
            && !ARGUMENTS.contains(&format!("${text}").as_str());
        if fine {
            return Ok(format!("${text}"));
        }
        let message = format!(
            "{what} must be a name of letters, digits and underscores that is not an argument such as `input`"
        );
        Err(at(self.file, place, message))
    }

    /// Whatever JSON stands there, with its expressions.
    fn template(&mut self, place: &Located, what: &str) -> Result<Template, ParseError> {
        Ok(match &place.value {
            Node::Text(text) => {
                if text.contains("${") || self.loose {
                    self.counted(place)?;
                }
                let template = if self.loose {
                    Template::loose(text, &self.variables())
                } else {
                    Template::text(text, &self.variables())
                        .map_err(|e| at(self.file, place, format!("{what}: {e}")))?
                };
                let unknown = std::cell::RefCell::new(None);
                template.any(&|e| {
                    let wrong = e.secrets().iter().find_map(|name| self.known_secret(place, name).err());
                    let found = wrong.is_some();
                    *unknown.borrow_mut() = wrong;
                    found
                });
                if let Some(error) = unknown.into_inner() {
                    return Err(error);
                }
                template
            }
            Node::Sequence(items) => {
                let items = items.iter().map(|i| self.template(i, what)).collect::<Result<Vec<_>, _>>()?;
                if items.iter().all(|t| matches!(t, Template::Constant(_))) {
                    Template::Constant(place.to_json())
                } else {
                    Template::List(items)
                }
            }
            Node::Mapping(entries) => {
                let mut pairs = Vec::with_capacity(entries.len());
                for e in entries {
                    pairs.push((e.key.clone(), self.template(&e.value, what)?));
                }
                if pairs.iter().all(|(_, t)| matches!(t, Template::Constant(_))) {
                    Template::Constant(place.to_json())
                } else {
                    Template::Mapping(pairs)
                }
            }
            _ => Template::Constant(place.to_json()),
        })
    }

    fn timeout(&mut self, place: &'a Located) -> Result<DurationSpec, ParseError> {
        let place = self.resolve("timeouts", |r| &r.timeouts, place)?;
        let mut fields = Fields::open(self.file, "a timeout", place)?;
        let after = fields.require("after")?;
        fields.finish()?;
        self.duration(after, "`after` of a timeout")
    }

    fn transform(&mut self, place: &'a Located, key: &'static str) -> Result<Transform, ParseError> {
        data::transform(self, place, key)
    }

    fn duration(&mut self, place: &'a Located, what: &str) -> Result<DurationSpec, ParseError> {
        data::duration(self, place, what)
    }
}
