//! YAML with places: every value knows its line and column, so that an error can point at it.
//!
//! Bounded against hostile documents: size, depth, number of nodes, aliases. Knows nothing of workflows;
//! other readers of data files use it too. It is not a YAML writer.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use serde_saphyr::Spanned;

/// Most bytes one document may have.
pub const MAX_DOCUMENT_BYTES: usize = 512 * 1024;
/// Deepest nesting of mappings and sequences.
pub const MAX_DEPTH: usize = 64;
/// Most values in one document.
pub const MAX_NODES: usize = 50_000;

/// What is wrong with a data file, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {message}")]
pub struct ParseError {
    /// The file, as the caller named it.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// What is wrong and what to do.
    pub message: String,
}

/// A value and the place where it begins.
#[derive(Clone, Debug, PartialEq)]
pub struct Located {
    /// The value.
    pub value: Node,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

/// One key of a mapping with its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Line of the key, from 1.
    pub line: u32,
    /// Column of the key, from 1.
    pub column: u32,
    /// Its value.
    pub value: Located,
}

/// What a YAML value can be.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// `null`, `~` or nothing.
    Null,
    /// A boolean.
    Bool(bool),
    /// A number.
    Number(Number),
    /// Text.
    Text(String),
    /// A sequence.
    Sequence(Vec<Located>),
    /// A mapping, in order of appearance.
    Mapping(Vec<Entry>),
}

impl Node {
    /// What it is, for messages.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "text",
            Self::Sequence(_) => "a list",
            Self::Mapping(_) => "a mapping",
        }
    }
}

impl Located {
    /// The same value as JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        match &self.value {
            Node::Null => Value::Null,
            Node::Bool(b) => Value::Bool(*b),
            Node::Number(n) => Value::Number(n.clone()),
            Node::Text(s) => Value::String(s.clone()),
            Node::Sequence(items) => Value::Array(items.iter().map(Self::to_json).collect()),
            Node::Mapping(entries) => Value::Object(
                entries.iter().map(|e| (e.key.clone(), e.value.to_json())).collect::<Map<_, _>>(),
            ),
        }
    }
}

/// Reads one document. `first_line` is the line of the file on which `text` begins (1 for a whole file).
///
/// # Errors
/// The text is not one YAML document, repeats a key, or is larger or deeper than the bounds above.
pub fn read(file: &str, text: &str, first_line: u32) -> Result<Located, ParseError> {
    let fail = |line: u32, column: u32, message: String| ParseError {
        file: file.to_owned(),
        line: first_line.saturating_add(line.max(1)) - 1,
        column: column.max(1),
        message,
    };
    if text.len() > MAX_DOCUMENT_BYTES {
        let message = format!(
            "the document has {} bytes; at most {MAX_DOCUMENT_BYTES} are read. Split it, or move large data out of it",
            text.len()
        );
        return Err(fail(1, 1, message));
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH,
            max_nodes: MAX_NODES,
            max_events: MAX_NODES * 3,
            max_aliases: 100,
            max_anchors: 100,
        },
        with_snippet: false,
        // YAML 1.2: `y`, `no` and `on` are text.
        strict_booleans: true,
    };
    match serde_saphyr::from_str_with_options::<Spanned<Node>>(text, options) {
        Ok(spanned) => {
            let mut located = locate(spanned);
            shift(&mut located, first_line.saturating_sub(1));
            Ok(located)
        }
        Err(error) => {
            let (line, column) =
                error.location().map_or((1, 1), |at| (narrow(at.line()), narrow(at.column())));
            let rendered = error.without_snippet().to_string();
            let message = rendered.lines().next().unwrap_or("not YAML");
            // The reader's own words for its limits tell a writer nothing.
            let message = match message {
                m if m.contains("budget breached") => {
                    "it is too large, or its aliases (`*name`) repeat too much; split it or write less of it twice"
                }
                m if m.contains("recursion limit") => {
                    "it is nested too deeply; move inner parts into functions or workflows of their own"
                }
                m => m.split(" at line ").next().unwrap_or(m),
            };
            Err(fail(line, column, format!("not a readable YAML document: {message}")))
        }
    }
}

fn narrow(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn locate(spanned: Spanned<Node>) -> Located {
    Located {
        line: narrow(spanned.referenced.line()),
        column: narrow(spanned.referenced.column()),
        value: spanned.value,
    }
}

fn shift(located: &mut Located, lines: u32) {
    if lines == 0 {
        return;
    }
    located.line = located.line.saturating_add(lines);
    match &mut located.value {
        Node::Sequence(items) => items.iter_mut().for_each(|i| shift(i, lines)),
        Node::Mapping(entries) => entries.iter_mut().for_each(|e| {
            e.line = e.line.saturating_add(lines);
            shift(&mut e.value, lines);
        }),
        _ => {}
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        Node::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Number(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Node, E> {
        Number::from_f64(value)
            .map(Node::Number)
            .ok_or_else(|| E::custom("numbers must be finite; put infinity in quotes if text is meant"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Node, E> {
        Ok(Node::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element::<Spanned<Node>>()? {
            items.push(locate(item));
        }
        Ok(Node::Sequence(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = access.next_key::<Spanned<String>>()? {
            let value = access.next_value::<Spanned<Node>>()?;
            entries.push(Entry {
                line: narrow(key.referenced.line()),
                column: narrow(key.referenced.column()),
                key: key.value,
                value: locate(value),
            });
        }
        Ok(Node::Mapping(entries))
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

/// Reads the keys of one mapping strictly: a key nobody asked for is an error with a suggestion.
#[derive(Debug)]
pub struct Fields<'a> {
    file: &'a str,
    what: String,
    place: &'a Located,
    entries: &'a [Entry],
    asked: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// Opens a mapping. `what` names it in messages: "task `restart`".
    ///
    /// # Errors
    /// It is not a mapping.
    pub fn open(file: &'a str, what: impl Into<String>, place: &'a Located) -> Result<Self, ParseError> {
        let what = what.into();
        match &place.value {
            Node::Mapping(entries) => Ok(Self { file, what, place, entries, asked: Vec::new() }),
            other => Err(at(file, place, format!("{what} must be a mapping, not {}", other.kind()))),
        }
    }

    /// The value of a key, if it is there.
    pub fn get(&mut self, key: &'static str) -> Option<&'a Located> {
        self.asked.push(key);
        self.entries.iter().find(|e| e.key == key).map(|e| &e.value)
    }

    /// Whether a key is there. Does not count as asking for it.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|e| e.key == key)
    }

    /// The value of a key that must be there.
    ///
    /// # Errors
    /// It is not there.
    pub fn require(&mut self, key: &'static str) -> Result<&'a Located, ParseError> {
        if let Some(value) = self.get(key) {
            return Ok(value);
        }
        let strays = self.entries.iter().filter(|e| !self.asked.contains(&e.key.as_str()));
        match suggest(key, strays.map(|e| e.key.as_str())) {
            Some(stray) => {
                let message = format!("{} has no field `{}`; did you mean `{key}`?", self.what, clip(stray));
                Err(self.error(stray, message))
            }
            None => Err(at(self.file, self.place, format!("{} needs `{key}`", self.what))),
        }
    }

    /// The text of a key, if it is there.
    ///
    /// # Errors
    /// It is there and not text.
    pub fn text(&mut self, key: &'static str) -> Result<Option<&'a str>, ParseError> {
        self.get(key).map(|v| text(self.file, &format!("`{key}` of {}", self.what), v)).transpose()
    }

    /// The text of a key that must be there.
    ///
    /// # Errors
    /// It is not there, or not text.
    pub fn require_text(&mut self, key: &'static str) -> Result<&'a str, ParseError> {
        let value = self.require(key)?;
        text(self.file, &format!("`{key}` of {}", self.what), value)
    }

    /// The keys in order of appearance.
    #[must_use]
    pub fn entries(&self) -> &'a [Entry] {
        self.entries
    }

    /// An error at a key, or at the mapping when the key is not there.
    #[must_use]
    pub fn error(&self, key: &str, message: impl Into<String>) -> ParseError {
        match self.entries.iter().find(|e| e.key == key) {
            Some(e) => ParseError {
                file: self.file.to_owned(),
                line: e.line,
                column: e.column,
                message: message.into(),
            },
            None => at(self.file, self.place, message),
        }
    }

    /// Refuses every key that was not asked for.
    ///
    /// # Errors
    /// There is one.
    pub fn finish(self) -> Result<(), ParseError> {
        let Some(stray) = self.entries.iter().find(|e| !self.asked.contains(&e.key.as_str())) else {
            return Ok(());
        };
        let hint = suggest(&stray.key, self.asked.iter().copied());
        let hint = hint.map_or_else(
            || {
                let mut known = self.asked.clone();
                known.dedup();
                format!("known here: {}", known.join(", "))
            },
            |s| format!("did you mean `{s}`?"),
        );
        let message = format!("{} has no field `{}`; {hint}", self.what, clip(&stray.key));
        Err(ParseError { file: self.file.to_owned(), line: stray.line, column: stray.column, message })
    }
}

/// An error at a value.
#[must_use]
pub fn at(file: &str, place: &Located, message: impl Into<String>) -> ParseError {
    ParseError { file: file.to_owned(), line: place.line, column: place.column, message: message.into() }
}

/// A value that must be text.
///
/// # Errors
/// It is not.
pub fn text<'a>(file: &str, what: &str, value: &'a Located) -> Result<&'a str, ParseError> {
    match &value.value {
        Node::Text(text) => Ok(text),
        Node::Number(_) | Node::Bool(_) => {
            Err(at(file, value, format!("{what} must be text, not {}; put it in quotes", value.value.kind())))
        }
        other => Err(at(file, value, format!("{what} must be text, not {}", other.kind()))),
    }
}

/// A value that must be a list.
///
/// # Errors
/// It is not.
pub fn list<'a>(file: &str, what: &str, value: &'a Located) -> Result<&'a [Located], ParseError> {
    match &value.value {
        Node::Sequence(items) => Ok(items),
        other => Err(at(file, value, format!("{what} must be a list, not {}", other.kind()))),
    }
}

/// The one of `known` that `word` was probably meant to be.
pub fn suggest<'k>(word: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    if word.len() > 64 {
        return None;
    }
    let lower = word.to_lowercase();
    known
        .map(|k| (distance(&lower, &k.to_lowercase()), k))
        .filter(|(d, k)| *d <= ((k.len().max(word.len()) + 1) / 3).max(1))
        .min_by_key(|(d, _)| *d)
        .map(|(_, k)| k)
}

/// Long text shortened for a message.
#[must_use]
pub fn clip(text: &str) -> String {
    if text.chars().count() <= 80 {
        text.to_owned()
    } else {
        text.chars().take(77).chain("...".chars()).collect()
    }
}

/// Levenshtein distance with one row.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
