//! Reads a Serverless Workflow document (DSL 1.0.x) strictly into a [`Definition`].
//!
//! A field the standard does not know is refused with a suggestion, so that no document silently does less than
//! it says. What a document takes from elsewhere is named, not fetched.

mod auth;
mod calls;
mod data;
mod events;
mod reuse;
mod settings;
mod shape;
mod tasks;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::definition::{Definition, Document, Task, TaskIndex, Transform};
use crate::duration::DurationSpec;
use crate::expression::{Expression, Template};
use crate::yaml::{self, Fields, Located, Node, ParseError, at};

use reuse::Reusable;
pub use reuse::{Resource, ResourceKind, Resources};

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
    /// Reads a document that takes nothing from elsewhere. `file` names it in errors.
    ///
    /// # Errors
    /// It is not a valid document, or takes something from elsewhere; file, line and column say where.
    pub fn parse(file: &str, yaml: &str) -> Result<Self, ParseError> {
        Self::parse_at(file, yaml, 1)
    }

    /// Reads a document that begins on line `first_line` of its file, as in a Markdown page.
    ///
    /// # Errors
    /// As [`Definition::parse`].
    pub fn parse_at(file: &str, yaml: &str, first_line: u32) -> Result<Self, ParseError> {
        Self::parse_with(file, yaml, first_line, &Resources::new())
    }

    /// Reads a document together with what it takes from elsewhere.
    ///
    /// # Errors
    /// It is not a valid document, or one of its resources is wrong or was not given; file (or URI), line and
    /// column say where.
    pub fn parse_with(
        file: &str,
        yaml: &str,
        first_line: u32,
        resources: &Resources,
    ) -> Result<Self, ParseError> {
        match read(file, yaml, first_line, resources)? {
            Read::Whole(definition) => Ok(*definition),
            Read::Missing(_, error) => Err(error),
        }
    }

    /// What a document says of itself, without a look at the rest of it.
    ///
    /// # Errors
    /// It is no YAML, or its `document` is wrong; file, line and column say where.
    pub fn head(file: &str, yaml: &str) -> Result<Document, ParseError> {
        let root = yaml::read(file, yaml, 1)?;
        settings::document(file, Fields::open(file, "a workflow document", &root)?.require("document")?)
    }

    /// What a document takes from elsewhere and was not given: functions of catalogs and schemas. Functions may
    /// take more from elsewhere in turn, so ask again with what was found, until nothing is missing.
    ///
    /// # Errors
    /// The document is not valid as far as it is known.
    pub fn missing(
        file: &str,
        yaml: &str,
        first_line: u32,
        resources: &Resources,
    ) -> Result<Vec<Resource>, ParseError> {
        match read(file, yaml, first_line, resources)? {
            Read::Whole(_) => Ok(Vec::new()),
            Read::Missing(missing, _) => Ok(missing),
        }
    }
}

enum Read {
    Whole(Box<Definition>),
    Missing(Vec<Resource>, ParseError),
}

fn read(file: &str, yaml: &str, first_line: u32, resources: &Resources) -> Result<Read, ParseError> {
    let root = yaml::read(file, yaml, first_line)?;
    let mut given = BTreeMap::new();
    for (uri, text) in resources {
        given.insert(uri.as_str(), yaml::read(uri, text, 1)?);
    }
    let mut fields = Fields::open(file, "a workflow document", &root)?;
    let head = fields.require("document")?;
    let document = settings::document(file, head)?;
    let reusable = fields.get("use").map(|p| Reusable::read(file, p)).transpose()?.unwrap_or_default();
    let loose = fields.get("evaluate").map(|p| settings::evaluate(file, p)).transpose()?.unwrap_or(false);
    let mut reader = Reader::new(file, reusable, loose, &given);
    let input = fields.get("input").map(|p| reader.transform(p, "from")).transpose()?.unwrap_or_default();
    let output = fields.get("output").map(|p| reader.transform(p, "as")).transpose()?.unwrap_or_default();
    let timeout = fields.get("timeout").map(|p| reader.timeout(p)).transpose()?;
    let schedule = fields.get("schedule").map(|p| reader.schedule(p)).transpose()?;
    let operations = reader.operations(head)?;
    let body = fields.require("do")?;
    fields.finish()?;
    let root_list = reader.list("the workflow", body, "/do")?;
    let extensions = reader.read_extensions()?;
    reader.check_reusable()?;
    if let Some(error) = reader.first_missing {
        return Ok(Read::Missing(reader.missing, error));
    }
    let tasks = reader.tasks.into_iter().map(|t| t.expect("every reserved task was read")).collect();
    let compensates = document.metadata.get("compensate") != Some(&Value::Bool(false));
    Ok(Read::Whole(Box::new(Definition {
        document,
        source: root.to_json(),
        parts: reader.parts,
        tasks,
        root: root_list,
        extensions,
        input,
        output,
        timeout,
        schedule,
        operations,
        compensates,
    })))
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
    /// What was given of the resources the document takes from elsewhere.
    resources: &'a BTreeMap<&'a str, Located>,
    missing: Vec<Resource>,
    first_missing: Option<ParseError>,
    /// Functions that were read, by name or URI.
    functions: BTreeMap<String, TaskIndex>,
    /// Documents of functions from elsewhere, each with the pointer its tasks begin with.
    parts: Vec<(String, Value)>,
    /// Which of them is read; 0 is the document itself.
    part: usize,
}

impl<'a> Reader<'a> {
    fn new(
        file: &'a str,
        reusable: Reusable<'a>,
        loose: bool,
        resources: &'a BTreeMap<&'a str, Located>,
    ) -> Self {
        Self {
            file,
            reusable,
            tasks: Vec::new(),
            expressions: 0,
            scope: Vec::new(),
            loose,
            resources,
            missing: Vec::new(),
            first_missing: None,
            functions: BTreeMap::new(),
            parts: Vec::new(),
            part: 0,
        }
    }

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
