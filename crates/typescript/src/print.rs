//! Types and comments as text, laid out as Prettier does at a width of 100: what it prints, `prettier --check` accepts.

use std::fmt::Write;

use crate::ty::{Doc, Member, Object, Type};
use crate::words::is_identifier;

/// Columns of a line.
pub(crate) const WIDTH: usize = 100;

/// A text in double quotes, as Prettier writes it: the other quotes where that needs fewer escapes.
pub(crate) fn quoted(text: &str) -> String {
    let double = text.matches('"').count();
    let single = text.matches('\'').count();
    let quote = if double > single { '\'' } else { '"' };
    let mut out = String::with_capacity(text.len() + 2);
    out.push(quote);
    for letter in text.chars() {
        match letter {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}') => {
                let _ = write!(out, "\\u{{{:x}}}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push(quote);
    out
}

/// The name of a property, in quotes where it needs them.
pub(crate) fn key(name: &str) -> String {
    if is_identifier(name) { name.to_owned() } else { quoted(name) }
}

/// How wide a text is.
pub(crate) fn width(text: &str) -> usize {
    // East Asian letters take two columns, as Prettier counts.
    if text.is_ascii() { text.len() } else { text.chars().map(|c| if is_wide(c) { 2 } else { 1 }).sum() }
}

fn is_wide(letter: char) -> bool {
    matches!(u32::from(letter), 0x1100..=0x115f | 0x2e80..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff | 0xfe30..=0xfe6f
        | 0xff00..=0xff60 | 0xffe0..=0xffe6 | 0x1f300..=0x1f64f | 0x1f900..=0x1f9ff | 0x20000..=0x3fffd)
}

/// Text that grows, and knows its column.
#[derive(Debug, Default)]
pub(crate) struct Out {
    pub(crate) text: String,
    column: usize,
}

impl Out {
    /// Adds text without line breaks.
    pub(crate) fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.column += width(text);
    }

    /// Where the next letter will stand.
    pub(crate) fn column(&self) -> usize {
        self.column
    }

    /// Begins a line.
    pub(crate) fn line(&mut self, indent: usize) {
        self.text.push('\n');
        for _ in 0..indent {
            self.text.push(' ');
        }
        self.column = indent;
    }

    /// Adds a comment and the line after it. Nothing for an empty one.
    pub(crate) fn doc(&mut self, doc: &Doc, indent: usize) {
        let lines = comment_lines(doc, WIDTH.saturating_sub(indent + 3));
        match lines.as_slice() {
            [] => return,
            [one] if indent + width(one) + 7 <= WIDTH => {
                self.text.push_str("/** ");
                self.text.push_str(one);
                self.text.push_str(" */");
            }
            many => {
                self.text.push_str("/**");
                for line in many {
                    self.line(indent);
                    self.text.push_str(if line.is_empty() { " *" } else { " * " });
                    self.text.push_str(line);
                }
                self.line(indent);
                self.text.push_str(" */");
            }
        }
        self.line(indent);
    }

    /// Adds a type. `after` columns must be left for what follows on the same line; `indent` is that of the line's beginning.
    pub(crate) fn of(&mut self, of: &Type, indent: usize, after: usize) {
        let mut flat = String::new();
        if write_flat(of, &mut flat, WIDTH.saturating_sub(self.column + after)) {
            self.push(&flat);
            return;
        }
        self.broken(of, indent, after);
    }

    fn broken(&mut self, of: &Type, indent: usize, after: usize) {
        match of {
            Type::Word(_) | Type::Text(_) | Type::Literal(_) | Type::Name(_) | Type::Date(_) => {
                let mut flat = String::new();
                write_flat(of, &mut flat, usize::MAX);
                self.push(&flat);
            }
            Type::Object(object) => self.object(object, indent),
            Type::Array(of) => {
                match &**of {
                    Type::Union(types) if !hugs(types) => {
                        self.push("(");
                        self.line(indent + 2);
                        self.lines_of(of, types, indent + 2, 0);
                        self.line(indent);
                        self.push(")");
                    }
                    of if needs_parentheses(of) => {
                        self.push("(");
                        self.of(of, indent, after + 3);
                        self.push(")");
                    }
                    of => self.broken_or_flat(of, indent, after + 2),
                }
                self.push("[]");
            }
            Type::Tuple(items, rest) => {
                self.push("[");
                for item in items {
                    self.line(indent + 2);
                    self.item(item, indent + 2);
                }
                if let Some(rest) = rest {
                    self.line(indent + 2);
                    self.push("...");
                    self.of(&Type::Array(rest.clone()), indent + 2, 1);
                    self.push(",");
                }
                self.line(indent);
                self.push("]");
            }
            Type::Without(of, names) => {
                self.push("Omit<");
                self.line(indent + 2);
                self.of(of, indent + 2, 1);
                self.push(",");
                self.line(indent + 2);
                let names = Type::Union(names.iter().cloned().map(Type::Text).collect());
                let names = Type::union([names]);
                match &names {
                    Type::Union(types) if !fits(&names, WIDTH.saturating_sub(indent + 2)) => {
                        self.variants(types, indent + 2)
                    }
                    one => self.of(one, indent + 2, 0),
                }
                self.line(indent);
                self.push(">");
            }
            Type::Union(types) if hugs(types) => {
                for (index, each) in types.iter().enumerate() {
                    if index > 0 {
                        self.push(" | ");
                    }
                    self.of(each, indent, 0);
                }
            }
            Type::Union(types) => {
                self.line(indent + 2);
                self.variants(types, indent + 2);
            }
            Type::Intersection(types) => self.intersection(types, indent, after),
        }
    }

    fn broken_or_flat(&mut self, of: &Type, indent: usize, after: usize) {
        self.of(of, indent, after);
    }

    /// An item of a tuple, which puts unions into parentheses when it breaks them.
    fn item(&mut self, item: &Type, indent: usize) {
        match item {
            Type::Union(types) if !hugs(types) && !fits(item, WIDTH.saturating_sub(indent + 1)) => {
                self.push("(");
                self.line(indent + 2);
                self.variants(types, indent + 2);
                self.line(indent);
                self.push("),");
            }
            item => {
                self.of(item, indent, 1);
                self.push(",");
            }
        }
    }

    /// A union at the beginning of a line: on that line if it fits, else a line for each variant.
    fn lines_of(&mut self, of: &Type, types: &[Type], indent: usize, after: usize) {
        if fits(of, WIDTH.saturating_sub(indent + after)) {
            self.of(of, indent, after)
        } else {
            self.variants(types, indent)
        }
    }

    /// Each variant on a line with a bar before it.
    fn variants(&mut self, types: &[Type], indent: usize) {
        for (index, each) in types.iter().enumerate() {
            if index > 0 {
                self.line(indent);
            }
            self.push("| ");
            let parentheses = matches!(each, Type::Intersection(_));
            if parentheses {
                self.push("(");
            }
            self.of(each, indent + 2, usize::from(parentheses));
            if parentheses {
                self.push(")");
            }
        }
    }

    fn intersection(&mut self, types: &[Type], indent: usize, after: usize) {
        let mut indented = false;
        for (index, each) in types.iter().enumerate() {
            let is_last = index + 1 == types.len();
            let rest = if is_last { after } else { 2 };
            let union = matches!(each, Type::Union(_));
            let object = is_object(each);
            if index == 0 {
                self.part(each, union, indent, rest);
                continue;
            }
            let before = is_object(&types[index - 1]);
            if !object && !before {
                self.push(" &");
                self.line(indent + 2);
                self.part(each, union, indent + 2, rest);
            } else if object && before {
                self.push(" & ");
                self.part(each, union, if indented { indent + 2 } else { indent }, rest);
            } else {
                if index > 1 {
                    indented = true;
                }
                self.push(" & ");
                self.part(each, union, if index > 1 { indent + 2 } else { indent }, rest);
            }
        }
    }

    fn part(&mut self, each: &Type, union: bool, indent: usize, after: usize) {
        if !union {
            self.of(each, indent, after);
            return;
        }
        self.push("(");
        match each {
            Type::Union(types)
                if !hugs(types) && !fits(each, WIDTH.saturating_sub(self.column + after + 1)) =>
            {
                self.line(indent + 2);
                self.variants(types, indent + 2);
                self.line(indent);
            }
            _ => self.of(each, indent, after + 1),
        }
        self.push(")");
    }

    /// `{ … }` over several lines.
    pub(crate) fn object(&mut self, object: &Object, indent: usize) {
        if object.members.is_empty() && object.index.is_none() {
            self.push("{}");
            return;
        }
        self.push("{");
        for member in &object.members {
            self.line(indent + 2);
            self.member(member, indent + 2);
        }
        if let Some(index) = &object.index {
            self.line(indent + 2);
            self.push("[key: string]: ");
            self.of(index, indent + 2, 1);
            self.push(";");
        }
        self.line(indent);
        self.push("}");
    }

    fn member(&mut self, member: &Member, indent: usize) {
        self.doc(&member.doc, indent);
        self.push(&key(&member.name));
        self.push(if member.optional { "?:" } else { ":" });
        self.after_sign(&member.of, indent);
        self.push(";");
    }

    /// A type after `:` or `=`, before `;`. A union that is broken begins on the next line.
    pub(crate) fn after_sign(&mut self, of: &Type, indent: usize) {
        match of {
            Type::Union(types) if !hugs(types) && !fits(of, WIDTH.saturating_sub(self.column + 2)) => {
                self.line(indent + 2);
                self.lines_of(of, types, indent + 2, 1);
            }
            of => {
                self.push(" ");
                self.of(of, indent, 1);
            }
        }
    }
}

/// Whether a type fits into so many columns.
pub(crate) fn fits(of: &Type, columns: usize) -> bool {
    write_flat(of, &mut String::new(), columns)
}

/// A type on one line, however long.
pub(crate) fn flat(of: &Type) -> String {
    let mut out = String::new();
    write_flat(of, &mut out, usize::MAX);
    out
}

/// Writes a type on one line. False as soon as it needs more columns or cannot be on one line.
fn write_flat(of: &Type, out: &mut String, columns: usize) -> bool {
    match of {
        Type::Word(word) => out.push_str(word),
        Type::Text(text) => out.push_str(&quoted(text)),
        Type::Literal(text) => out.push_str(text),
        Type::Name(name) => out.push_str(name),
        Type::Date(_) => out.push_str("Date"),
        Type::Without(of, names) => {
            out.push_str("Omit<");
            if !write_flat(of, out, columns) {
                return false;
            }
            out.push_str(", ");
            for (index, name) in names.iter().enumerate() {
                if index > 0 {
                    out.push_str(" | ");
                }
                out.push_str(&quoted(name));
            }
            out.push('>');
        }
        Type::Array(of) => {
            let parentheses = needs_parentheses(of);
            if parentheses {
                out.push('(');
            }
            if !write_flat(of, out, columns) {
                return false;
            }
            out.push_str(if parentheses { ")[]" } else { "[]" });
        }
        Type::Tuple(items, rest) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                if !write_flat(item, out, columns) {
                    return false;
                }
            }
            if let Some(rest) = rest {
                out.push_str(if items.is_empty() { "..." } else { ", ..." });
                if !write_flat(&Type::Array(rest.clone()), out, columns) {
                    return false;
                }
            }
            out.push(']');
        }
        Type::Object(object) => return flat_object(object, out, columns),
        Type::Union(types) => return flat_list(types, " | ", out, columns),
        Type::Intersection(types) => return flat_list(types, " & ", out, columns),
    }
    width(out) <= columns
}

fn flat_list(types: &[Type], between: &str, out: &mut String, columns: usize) -> bool {
    for (index, each) in types.iter().enumerate() {
        if index > 0 {
            out.push_str(between);
        }
        let parentheses = match each {
            Type::Union(_) => between == " & ",
            Type::Intersection(_) => between == " | ",
            _ => false,
        };
        if parentheses {
            out.push('(');
        }
        if !write_flat(each, out, columns) {
            return false;
        }
        if parentheses {
            out.push(')');
        }
    }
    width(out) <= columns
}

/// Small objects without comments may stand on one line.
fn flat_object(object: &Object, out: &mut String, columns: usize) -> bool {
    if object.members.is_empty() && object.index.is_none() {
        out.push_str("{}");
        return width(out) <= columns;
    }
    // Where everything must be on one line, everything is.
    if columns < usize::MAX
        && (object.members.len() > 3
            || object.members.iter().any(|m| !m.doc.is_empty() || matches!(m.of, Type::Object(_))))
    {
        return false;
    }
    out.push_str("{ ");
    let mut first = true;
    for member in &object.members {
        if !std::mem::take(&mut first) {
            out.push_str("; ");
        }
        out.push_str(&key(&member.name));
        out.push_str(if member.optional { "?: " } else { ": " });
        if !write_flat(&member.of, out, columns) {
            return false;
        }
    }
    if let Some(index) = &object.index {
        if !first {
            out.push_str("; ");
        }
        out.push_str("[key: string]: ");
        if !write_flat(index, out, columns) {
            return false;
        }
    }
    out.push_str(" }");
    width(out) <= columns
}

fn needs_parentheses(of: &Type) -> bool {
    matches!(of, Type::Union(_) | Type::Intersection(_))
}

fn is_object(of: &Type) -> bool {
    matches!(of, Type::Object(_))
}

/// Whether a union is one object and null, which stay together.
fn hugs(types: &[Type]) -> bool {
    let nulls = types.iter().filter(|t| matches!(t, Type::Word("null" | "void"))).count();
    types.len() - nulls == 1 && types.iter().any(is_object)
}

/// The lines of a comment, long ones broken between words.
fn comment_lines(doc: &Doc, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let safe = doc.text.replace("*/", "*\\/");
    let mut in_code = false;
    for line in safe.trim().lines() {
        let line = line.trim_end();
        let begins = line.trim_start();
        if begins.starts_with("```") || begins.starts_with("~~~") {
            in_code = !in_code;
        }
        let as_it_is =
            in_code || begins.starts_with('|') || line.starts_with("    ") || width(line) <= columns;
        if as_it_is { lines.push(clean(line)) } else { wrap(line, columns, &mut lines) }
    }
    lines.dedup_by(|a, b| a.is_empty() && b.is_empty());
    if !lines.is_empty() && !doc.tags.is_empty() && lines.len() > 1 {
        lines.push(String::new());
    }
    lines.extend(doc.tags.iter().map(|tag| clean(&tag.replace("*/", "*\\/"))));
    lines
}

/// Without what would end a line for TypeScript but not for us, or that nobody sees.
fn clean(line: &str) -> String {
    if line.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')) {
        line.chars()
            .map(|c| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c })
            .collect::<String>()
            .trim_end()
            .to_owned()
    } else {
        line.to_owned()
    }
}

fn wrap(line: &str, columns: usize, lines: &mut Vec<String>) {
    let lead: String = line.chars().take_while(|c| c.is_whitespace()).collect();
    let mark = line.trim_start();
    // What continues an item of a list stands below its text.
    let hang =
        if mark.starts_with("- ") || mark.starts_with("* ") { format!("{lead}  ") } else { lead.clone() };
    let mut current = lead;
    let mut empty = true;
    for word in line.split_whitespace() {
        if !empty && width(&current) + 1 + width(word) > columns {
            lines.push(clean(&current));
            current.clone_from(&hang);
            empty = true;
        }
        if !empty {
            current.push(' ');
        }
        current.push_str(word);
        empty = false;
    }
    if !empty {
        lines.push(clean(&current));
    }
}
