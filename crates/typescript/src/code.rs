//! Expressions and imports as text, laid out as Prettier does.

use std::collections::{BTreeMap, BTreeSet};

use crate::print::{Out, WIDTH, key, width};

/// An expression.
#[derive(Clone, Debug)]
pub(crate) enum Code {
    /// As it is, on one line.
    Raw(String),
    /// `{ a: 1, b }`.
    Object(Vec<(String, Code)>),
    /// `[1, 2]`.
    List(Vec<Code>),
    /// `f(a, b)`; the last argument takes the lines.
    Call(String, Vec<Code>),
    /// `(a) => b`.
    Arrow(String, Box<Code>),
}

impl Code {
    pub(crate) fn raw(text: impl Into<String>) -> Self {
        Self::Raw(text.into())
    }

    /// On one line.
    pub(crate) fn flat(&self) -> String {
        match self {
            Self::Raw(text) => text.clone(),
            Self::Object(fields) if fields.is_empty() => "{}".to_owned(),
            Self::Object(fields) => {
                let fields: Vec<String> =
                    fields.iter().map(|(name, value)| field(name, &value.flat())).collect();
                format!("{{ {} }}", fields.join(", "))
            }
            Self::List(items) => {
                let items: Vec<String> = items.iter().map(Self::flat).collect();
                format!("[{}]", items.join(", "))
            }
            Self::Call(name, arguments) => {
                let arguments: Vec<String> = arguments.iter().map(Self::flat).collect();
                format!("{name}({})", arguments.join(", "))
            }
            Self::Arrow(arguments, body) => format!("({arguments}) => {}", body.flat()),
        }
    }

    /// Whether Prettier would leave it on one line if it fits.
    fn may_be_flat(&self) -> bool {
        match self {
            Self::Raw(_) => true,
            Self::Object(fields) => fields.len() <= 4 && fields.iter().all(|(_, value)| value.may_be_flat()),
            Self::List(items) => items.iter().all(Self::may_be_flat),
            Self::Call(_, arguments) => arguments.iter().all(Self::may_be_flat),
            Self::Arrow(_, body) => body.may_be_flat(),
        }
    }

    /// Writes it; `after` columns follow on the same line.
    pub(crate) fn write(&self, out: &mut Out, indent: usize, after: usize) {
        let flat = self.may_be_flat().then(|| self.flat());
        if let Some(flat) = flat.filter(|flat| out.column() + width(flat) + after <= WIDTH) {
            out.push(&flat);
            return;
        }
        match self {
            Self::Raw(text) => out.push(text),
            Self::Object(fields) if fields.is_empty() => out.push("{}"),
            Self::Object(fields) => self.write_lines(fields, out, indent),
            Self::List(items) if items.iter().all(Self::is_number) => numbers(items, out, indent),
            Self::List(items) => write_items(items, out, indent),
            Self::Call(name, arguments) => call(name, arguments, out, indent, after),
            Self::Arrow(arguments, body) => {
                out.push(&format!("({arguments}) =>"));
                out.line(indent + 2);
                body.write(out, indent + 2, after);
            }
        }
    }

    /// Writes an object over several lines whatever its width.
    pub(crate) fn write_open(&self, out: &mut Out, indent: usize) {
        match self {
            Self::Object(fields) if !fields.is_empty() => self.write_lines(fields, out, indent),
            Self::List(items) if !items.is_empty() => write_items(items, out, indent),
            other => other.write(out, indent, 1),
        }
    }

    fn write_lines(&self, fields: &[(String, Code)], out: &mut Out, indent: usize) {
        out.push("{");
        for (name, value) in fields {
            out.line(indent + 2);
            if value.flat_is(name) {
                out.push(name);
            } else {
                out.push(&key(name));
                out.push(": ");
                value.write(out, indent + 2, 1);
            }
            out.push(",");
        }
        out.line(indent);
        out.push("}");
    }

    fn flat_is(&self, name: &str) -> bool {
        matches!(self, Self::Raw(text) if text == name)
    }

    fn is_number(&self) -> bool {
        matches!(self, Self::Raw(text) if text.chars().all(|c| c.is_ascii_digit()))
    }
}

fn field(name: &str, value: &str) -> String {
    if name == value { name.to_owned() } else { format!("{}: {value}", key(name)) }
}

fn call(name: &str, arguments: &[Code], out: &mut Out, indent: usize, after: usize) {
    out.push(name);
    out.push("(");
    let Some((last, before)) = arguments.split_last() else {
        out.push(")");
        return;
    };
    let head: Vec<String> = before.iter().map(Code::flat).collect();
    let head_width: usize = head.iter().map(|each| width(each) + 2).sum();
    // An object or a list at the end opens on the line of the call.
    let hugs = matches!(last, Code::Object(_) | Code::List(_))
        && before.iter().all(|each| matches!(each, Code::Raw(_)))
        && out.column() + head_width < WIDTH;
    if let Code::Arrow(parameters, body) = last
        && out.column() + head_width + width(parameters) + 5 <= WIDTH
    {
        for each in head {
            out.push(&each);
            out.push(", ");
        }
        out.push(&format!("({parameters}) =>"));
        out.line(indent + 2);
        body.write(out, indent + 2, 1);
        out.push(",");
        out.line(indent);
        out.push(")");
        return;
    }
    let single = arguments.len() == 1 && matches!(last, Code::Call(..));
    if hugs || single {
        for each in head {
            out.push(&each);
            out.push(", ");
        }
        last.write(out, indent, after + 1);
    } else {
        for each in arguments {
            out.line(indent + 2);
            each.write(out, indent + 2, 1);
            out.push(",");
        }
        out.line(indent);
    }
    out.push(")");
}

fn write_items(items: &[Code], out: &mut Out, indent: usize) {
    out.push("[");
    for item in items {
        out.line(indent + 2);
        item.write(out, indent + 2, 1);
        out.push(",");
    }
    out.line(indent);
    out.push("]");
}

/// Numbers fill lines.
fn numbers(items: &[Code], out: &mut Out, indent: usize) {
    out.push("[");
    out.line(indent + 2);
    for (index, item) in items.iter().enumerate() {
        let text = format!("{},", item.flat());
        if index > 0 {
            if out.column() + 1 + width(&text) > WIDTH { out.line(indent + 2) } else { out.push(" ") }
        }
        out.push(&text);
    }
    out.line(indent);
    out.push("]");
}

/// What a file imports.
#[derive(Debug, Default)]
pub(crate) struct Imports {
    modules: BTreeMap<String, BTreeSet<(String, bool)>>,
}

impl Imports {
    /// A value.
    pub(crate) fn value(&mut self, module: &str, name: &str) {
        let names = self.modules.entry(module.to_owned()).or_default();
        names.remove(&(name.to_owned(), true));
        names.insert((name.to_owned(), false));
    }

    /// A type.
    pub(crate) fn of_type(&mut self, module: &str, name: &str) {
        let names = self.modules.entry(module.to_owned()).or_default();
        if !names.contains(&(name.to_owned(), false)) {
            names.insert((name.to_owned(), true));
        }
    }

    /// The lines, and an empty one after them.
    pub(crate) fn text(&self) -> String {
        let mut out = Out::default();
        for (module, names) in &self.modules {
            let only_types = names.iter().all(|(_, of_type)| *of_type);
            let names: Vec<String> = names
                .iter()
                .map(
                    |(name, of_type)| {
                        if *of_type && !only_types { format!("type {name}") } else { name.clone() }
                    },
                )
                .collect();
            let head = if only_types { "import type {" } else { "import {" };
            let flat = format!("{head} {} }} from \"{module}\";", names.join(", "));
            if width(&flat) <= WIDTH || names.len() == 1 {
                out.push(&flat);
            } else {
                out.push(head);
                for name in &names {
                    out.line(2);
                    out.push(name);
                    out.push(",");
                }
                out.line(0);
                out.push(&format!("}} from \"{module}\";"));
            }
            out.line(0);
        }
        if !out.text.is_empty() {
            out.line(0);
        }
        out.text
    }
}
