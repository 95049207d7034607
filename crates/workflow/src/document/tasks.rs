//! Tasks of a document, one function for each kind.

use super::Reader;
use super::data::{compensates, filter, flag, raised, retry};
use super::reuse::yaml_pointer;
use crate::definition::{Case, Catch, Flow, Kind, Task, TaskIndex, Transform};
use crate::yaml::{self, Entry, Fields, Located, Node, ParseError, at};

/// Keys that make a task what it is, in the order in which they are looked for: `for` comes with a `do`.
const KINDS: [&str; 12] =
    ["call", "for", "fork", "set", "switch", "try", "wait", "raise", "emit", "listen", "run", "do"];
const DIRECTIVES: [&str; 3] = ["continue", "exit", "end"];
const MAX_NAME_CHARS: usize = 100;

impl<'a> Reader<'a> {
    /// A list of named tasks. `path` is its JSON pointer.
    pub(super) fn list(
        &mut self,
        owner: &str,
        place: &'a Located,
        path: &str,
    ) -> Result<Vec<TaskIndex>, ParseError> {
        let entries = named(self.file, &format!("tasks of {owner}"), place)?;
        let names: Vec<&str> = entries.iter().map(|e| e.key.as_str()).collect();
        entries.iter().enumerate().map(|(i, e)| self.task(e, &format!("{path}/{i}"), &names)).collect()
    }

    /// Branches of a fork: they stand side by side, so none can go on to another.
    fn branches(
        &mut self,
        owner: &str,
        place: &'a Located,
        path: &str,
    ) -> Result<Vec<TaskIndex>, ParseError> {
        let entries = named(self.file, &format!("branches of {owner}"), place)?;
        entries.iter().enumerate().map(|(i, e)| self.task(e, &format!("{path}/{i}"), &[])).collect()
    }

    fn task(&mut self, entry: &'a Entry, parent: &str, siblings: &[&str]) -> Result<TaskIndex, ParseError> {
        let index = self.reserve();
        self.task_at(index, entry, parent, siblings)?;
        Ok(index)
    }

    /// Reads the task of an entry into its reserved place.
    pub(super) fn task_at(
        &mut self,
        index: TaskIndex,
        entry: &'a Entry,
        parent: &str,
        siblings: &[&str],
    ) -> Result<(), ParseError> {
        let path = format!("{parent}/{}", yaml_pointer(&entry.key));
        self.task_of(index, &entry.key, &entry.value, path, siblings)
    }

    pub(super) fn task_of(
        &mut self,
        index: TaskIndex,
        name: &str,
        place: &'a Located,
        path: String,
        siblings: &[&str],
    ) -> Result<(), ParseError> {
        let what = format!("task `{}`", yaml::clip(name));
        let mut fields = Fields::open(self.file, what.clone(), place)?;
        let condition = fields.get("if").map(|p| self.expression(p, "`if`")).transpose()?;
        let input = fields.get("input").map(|p| self.transform(p, "from")).transpose()?.unwrap_or_default();
        let output = self.optional_transform(fields.get("output"))?;
        let export = self.optional_transform(fields.get("export"))?;
        let timeout = fields.get("timeout").map(|p| self.timeout(p)).transpose()?;
        let then = match fields.get("then") {
            Some(place) => self.flow(place, siblings)?,
            None => Flow::Continue,
        };
        let compensates = compensates(self.file, fields.get("metadata"))?;
        let kind = self.kind(&what, place, &mut fields, &path, siblings)?;
        fields.finish()?;
        let undo = self.undo(&what, place, &kind)?;
        let (name, part) = (name.to_owned(), self.part);
        let task = Task {
            name,
            path,
            part,
            condition,
            input,
            output,
            export,
            timeout,
            then,
            compensates,
            undo,
            kind,
        };
        self.tasks[index as usize] = Some(task);
        Ok(())
    }

    fn optional_transform(&mut self, place: Option<&'a Located>) -> Result<Transform, ParseError> {
        place.map(|p| self.transform(p, "as")).transpose().map(Option::unwrap_or_default)
    }

    fn flow(&self, place: &Located, siblings: &[&str]) -> Result<Flow, ParseError> {
        let text = yaml::text(self.file, "`then`", place)?;
        Ok(match text {
            "continue" => Flow::Continue,
            "exit" => Flow::Exit,
            "end" => Flow::End,
            name => match siblings.iter().position(|s| *s == name) {
                Some(i) => Flow::To(i),
                None => {
                    let known = siblings.iter().copied().chain(DIRECTIVES);
                    let hint = yaml::suggest(name, known).map_or_else(
                        || "it must be `continue`, `exit`, `end`, or a task of the same list".into(),
                        |s| format!("did you mean `{s}`?"),
                    );
                    let message =
                        format!("`then` goes to `{}`, which is not there; {hint}", yaml::clip(name));
                    return Err(at(self.file, place, message));
                }
            },
        })
    }

    fn kind(
        &mut self,
        what: &str,
        place: &'a Located,
        fields: &mut Fields<'a>,
        path: &str,
        siblings: &[&str],
    ) -> Result<Kind, ParseError> {
        let kinds: Vec<&str> = KINDS.into_iter().filter(|k| fields.has(k)).collect();
        match kinds.as_slice() {
            [_] | ["for", "do"] => {}
            [] => return Err(at(self.file, place, self.no_kind(what, fields))),
            [first, second, ..] => {
                return Err(fields
                    .error(second, format!("{what} has both `{first}` and `{second}`; make it two tasks")));
            }
        }
        let key = kinds[0];
        let body = fields
            .get(KINDS.into_iter().find(|k| *k == key).expect("it is one of them"))
            .expect("it has this key");
        Ok(match key {
            "call" => self.call(what, body, fields, path)?,
            "emit" => self.emit(what, body)?,
            "listen" => self.listen(what, body, fields, path)?,
            "run" => self.process(what, body)?,
            "do" => Kind::Do { tasks: self.list(what, body, &format!("{path}/do"))? },
            "set" => match &body.value {
                Node::Mapping(entries) if !entries.is_empty() => {
                    Kind::Set { value: self.template(body, "`set`")? }
                }
                Node::Text(text) if text.contains("${") => Kind::Set { value: self.template(body, "`set`")? },
                _ => {
                    return Err(at(
                        self.file,
                        body,
                        "`set` must be a mapping with at least one key, or one expression",
                    ));
                }
            },
            "switch" => self.switch(body, siblings)?,
            "try" => self.try_catch(what, body, fields, path)?,
            "fork" => self.fork(what, body, path)?,
            "for" => self.each(what, body, fields, path)?,
            "wait" => Kind::Wait { duration: self.duration(body, "`wait`")? },
            "raise" => {
                let mut raise = Fields::open(self.file, "`raise`", body)?;
                let error = raise.require("error")?;
                raise.finish()?;
                Kind::Raise { error: raised(self, error)? }
            }
            other => unreachable!("`{other}` is no kind of task"),
        })
    }

    fn no_kind(&self, what: &str, fields: &Fields<'a>) -> String {
        let near = fields
            .entries()
            .iter()
            .find_map(|e| yaml::suggest(&e.key, KINDS.into_iter()).map(|s| (&e.key, s)));
        match near {
            Some((given, s)) => format!("{what} has `{}`; did you mean `{s}`?", yaml::clip(given)),
            None => format!("{what} does nothing; give it one of {}", KINDS.join(", ")),
        }
    }

    fn switch(&mut self, body: &'a Located, siblings: &[&str]) -> Result<Kind, ParseError> {
        let mut cases = Vec::new();
        for entry in named(self.file, "cases of `switch`", body)? {
            let mut fields =
                Fields::open(self.file, format!("case `{}`", yaml::clip(&entry.key)), &entry.value)?;
            let when = fields.get("when").map(|p| self.expression(p, "`when`")).transpose()?;
            let then = self.flow(fields.require("then")?, siblings)?;
            fields.finish()?;
            cases.push(Case { when, then });
        }
        if cases.is_empty() {
            return Err(at(self.file, body, "`switch` needs at least one case"));
        }
        Ok(Kind::Switch { cases })
    }

    fn try_catch(
        &mut self,
        what: &str,
        body: &'a Located,
        fields: &mut Fields<'a>,
        path: &str,
    ) -> Result<Kind, ParseError> {
        let place = fields.require("catch")?;
        let tasks = self.list(what, body, &format!("{path}/try"))?;
        let mut catch = Fields::open(self.file, format!("`catch` of {what}"), place)?;
        let with = catch.get("errors").map(|p| filter(self, p)).transpose()?.unwrap_or_default();
        let variable = match catch.get("as") {
            Some(place) => self.variable_name(place, "`as`")?,
            None => "$error".to_owned(),
        };
        self.scope.push(variable.clone());
        let when = catch.get("when").map(|p| self.expression(p, "`when`")).transpose()?;
        let except_when = catch.get("exceptWhen").map(|p| self.expression(p, "`exceptWhen`")).transpose()?;
        let policy = catch.get("retry").map(|p| retry(self, p)).transpose()?;
        let handler = match catch.get("do") {
            Some(place) => Some(self.list(what, place, &format!("{path}/catch/do"))?),
            None => None,
        };
        self.scope.pop();
        catch.finish()?;
        let catch = Catch { with, variable, when, except_when, retry: policy, body: handler };
        Ok(Kind::Try { body: tasks, catch: Box::new(catch) })
    }

    fn fork(&mut self, what: &str, body: &'a Located, path: &str) -> Result<Kind, ParseError> {
        let mut fork = Fields::open(self.file, "`fork`", body)?;
        let branches = self.branches(what, fork.require("branches")?, &format!("{path}/fork/branches"))?;
        let compete =
            fork.get("compete").map(|p| flag(self.file, p, "`compete`")).transpose()?.unwrap_or(false);
        fork.finish()?;
        Ok(Kind::Fork { branches, compete })
    }

    fn each(
        &mut self,
        what: &str,
        body: &'a Located,
        fields: &mut Fields<'a>,
        path: &str,
    ) -> Result<Kind, ParseError> {
        let mut each = Fields::open(self.file, "`for`", body)?;
        let mut name = |key: &'static str, default: &str| match each.get(key) {
            Some(place) => self.variable_name(place, &format!("`{key}` of `for`")),
            None => Ok(format!("${default}")),
        };
        let (item, index) = (name("each", "item")?, name("at", "index")?);
        let items = self.expression(each.require("in")?, "`in` of `for`")?;
        each.finish()?;
        self.scope.extend([item.clone(), index.clone()]);
        let condition = fields.get("while").map(|p| self.expression(p, "`while`")).transpose()?;
        let tasks = self.list(what, fields.require("do")?, &format!("{path}/do"))?;
        self.scope.truncate(self.scope.len() - 2);
        Ok(Kind::For { each: item, at: index, items, condition, body: tasks })
    }
}

/// A list of mappings with one key each, names unlike.
pub(super) fn named<'a>(file: &str, what: &str, place: &'a Located) -> Result<Vec<&'a Entry>, ParseError> {
    let mut entries: Vec<&Entry> = Vec::new();
    for item in yaml::list(file, what, place)? {
        let entry = match &item.value {
            Node::Mapping(pairs) if pairs.len() == 1 => &pairs[0],
            Node::Mapping(pairs) if pairs.len() > 1 => {
                let message = format!(
                    "each of the {what} must have exactly one name; indent `{}` further if it belongs to `{}`",
                    yaml::clip(&pairs[1].key),
                    yaml::clip(&pairs[0].key)
                );
                return Err(ParseError {
                    file: file.to_owned(),
                    line: pairs[1].line,
                    column: pairs[1].column,
                    message,
                });
            }
            other => {
                return Err(at(
                    file,
                    item,
                    format!("each of the {what} must be `name: …`, not {}", other.kind()),
                ));
            }
        };
        let problem = if entry.key.is_empty() || entry.key.chars().count() > MAX_NAME_CHARS {
            Some(format!("a name must have 1 to {MAX_NAME_CHARS} characters"))
        } else if entry.key.chars().any(char::is_control) {
            Some("a name must not have control characters".to_owned())
        } else if DIRECTIVES.contains(&entry.key.as_str()) {
            Some(format!("`{}` is a flow directive; choose another name", entry.key))
        } else if entries.iter().any(|e| e.key == entry.key) {
            Some(format!("there is already a `{}` in this list; names must differ", entry.key))
        } else {
            None
        };
        if let Some(message) = problem {
            return Err(ParseError {
                file: file.to_owned(),
                line: entry.line,
                column: entry.column,
                message,
            });
        }
        entries.push(entry);
    }
    Ok(entries)
}
