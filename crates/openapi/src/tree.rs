//! The values of one file with their places in its text, packed: 20 bytes a value, texts stay in the file's own text.
//!
//! Deliberately absent: any meaning of what is written.

mod builder;

use std::fmt;

use std::sync::OnceLock;

use serde_json::{Map, Number, Value};

pub(crate) use builder::{Builder, TooLarge};

/// Deepest nesting of values.
pub(crate) const DEPTH_MAX: usize = 256;
/// No value: the parent of the first one.
const NOBODY: u32 = u32::MAX;
/// Marks texts that stand in `extra`.
const EXTRA: u32 = 1 << 31;

/// A file.
pub(crate) struct Tree {
    pub(crate) uri: String,
    text: String,
    packed: Packed,
    lines: OnceLock<Vec<u32>>,
}

/// The values of a text, which is needed to read them.
#[derive(Default)]
pub(crate) struct Packed {
    /// Texts that are written with escapes, or are not written at all.
    extra: String,
    nodes: Vec<Slot>,
    fields: Vec<Field>,
    items: Vec<u32>,
    /// What was overlooked while reading.
    faults: Vec<Fault>,
}

/// Something that was overlooked while reading, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) kind: FaultKind,
    pub(crate) offset: u32,
}

/// What was overlooked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FaultKind {
    /// A key that was there before.
    DuplicateKey,
    /// A key that is no text.
    KeyNotText,
    /// An alias to something that holds it.
    AliasInItself,
    /// JSON that only YAML takes.
    NotStrictJson,
}

#[derive(Clone, Copy)]
struct Slot {
    offset: u32,
    parent: u32,
    shape: Shape,
}

#[derive(Clone, Copy)]
enum Shape {
    Null,
    Bool(bool),
    Number(Text),
    Text(Text),
    Array { start: u32, len: u32 },
    Object { start: u32, len: u32 },
}

#[derive(Clone, Copy)]
pub(crate) struct Text {
    start: u32,
    len: u32,
}

#[derive(Clone, Copy)]
pub(crate) struct Field {
    hash: u32,
    key: Text,
    value: u32,
}

/// FNV-1a. Keys are compared by it first.
const fn hash(text: &str) -> u32 {
    let bytes = text.as_bytes();
    let mut hash = 0x811c_9dc5_u32;
    let mut at = 0;
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u32).wrapping_mul(0x0100_0193);
        at += 1;
    }
    hash
}

/// A keyword, hashed while compiling.
#[derive(Clone, Copy)]
pub(crate) struct Word {
    hash: u32,
    pub(crate) text: &'static str,
}

impl Word {
    pub(crate) const fn new(text: &'static str) -> Self {
        Self { hash: hash(text), text }
    }
}

impl Packed {
    pub(crate) fn overlooked(&mut self, kind: FaultKind, offset: usize) {
        const MOST: usize = 100;
        if self.faults.len() < MOST {
            self.faults.push(Fault { kind, offset: offset as u32 });
        }
    }

    fn str<'s>(&'s self, source: &'s str, text: Text) -> &'s str {
        let (from, start) =
            if text.start & EXTRA == 0 { (source, text.start) } else { (&*self.extra, text.start & !EXTRA) };
        &from[start as usize..(start + text.len) as usize]
    }
}

impl Tree {
    /// A file that is only text.
    pub(crate) fn prose(uri: &str, text: String) -> Self {
        let mut builder = Builder::new(&text, 1);
        // One value always fits.
        let _first = builder.text(0, Builder::slice(0..text.len()));
        let packed = builder.finish();
        Self::new(uri, text, packed)
    }

    pub(crate) fn new(uri: &str, text: String, packed: Packed) -> Self {
        Self { uri: uri.to_owned(), text, packed, lines: OnceLock::new() }
    }

    /// What was overlooked while reading.
    pub(crate) fn faults(&self) -> &[Fault] {
        &self.packed.faults
    }

    fn str(&self, text: Text) -> &str {
        self.packed.str(&self.text, text)
    }

    pub(crate) fn root(&self) -> Node<'_> {
        Node { tree: self, id: 0 }
    }

    pub(crate) fn node(&self, id: u32) -> Node<'_> {
        Node { tree: self, id }
    }

    /// How many values it has.
    pub(crate) fn len(&self) -> usize {
        self.packed.nodes.len()
    }

    /// Line and column, both from 1; columns count characters.
    pub(crate) fn position(&self, offset: u32) -> (u32, u32) {
        let lines = self.lines.get_or_init(|| {
            let breaks = self.text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
            std::iter::once(0).chain(breaks.map(|(at, _)| at as u32 + 1)).collect()
        });
        let line = lines.partition_point(|start| *start <= offset).max(1);
        let start = lines[line - 1] as usize;
        let before = self.text.get(start..offset as usize).unwrap_or_default();
        (line as u32, before.chars().count() as u32 + 1)
    }
}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tree").field("uri", &self.uri).field("nodes", &self.packed.nodes.len()).finish()
    }
}

/// A value of a file.
#[derive(Clone, Copy)]
pub(crate) struct Node<'t> {
    tree: &'t Tree,
    id: u32,
}

impl<'t> Node<'t> {
    pub(crate) fn id(self) -> u32 {
        self.id
    }

    /// The value it is in.
    pub(crate) fn parent(self) -> Option<u32> {
        Some(self.slot().parent).filter(|parent| *parent != NOBODY)
    }

    /// Whether a field has such a name.
    pub(crate) fn any_name(self, is_it: impl Fn(&str) -> bool) -> bool {
        self.fields().iter().any(|field| is_it(self.tree.str(field.key)))
    }

    pub(crate) fn tree(self) -> &'t Tree {
        self.tree
    }

    fn slot(self) -> Slot {
        self.tree.packed.nodes[self.id as usize]
    }

    pub(crate) fn offset(self) -> u32 {
        self.slot().offset
    }

    pub(crate) fn is_object(self) -> bool {
        matches!(self.slot().shape, Shape::Object { .. })
    }

    pub(crate) fn is_array(self) -> bool {
        matches!(self.slot().shape, Shape::Array { .. })
    }

    pub(crate) fn is_null(self) -> bool {
        matches!(self.slot().shape, Shape::Null)
    }

    /// A truth.
    pub(crate) fn truth(self) -> Option<bool> {
        match self.slot().shape {
            Shape::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// Text that is text.
    pub(crate) fn text(self) -> Option<&'t str> {
        match self.slot().shape {
            Shape::Text(text) => Some(self.tree.str(text)),
            _ => None,
        }
    }

    /// Text, or what somebody forgot to put in quotes.
    pub(crate) fn scalar(self) -> Option<&'t str> {
        match self.slot().shape {
            Shape::Text(text) | Shape::Number(text) => Some(self.tree.str(text)),
            Shape::Bool(true) => Some("true"),
            Shape::Bool(false) => Some("false"),
            _ => None,
        }
    }

    pub(crate) fn len(self) -> usize {
        match self.slot().shape {
            Shape::Array { len, .. } | Shape::Object { len, .. } => len as usize,
            _ => 0,
        }
    }

    fn fields(self) -> &'t [Field] {
        match self.slot().shape {
            Shape::Object { start, len } => &self.tree.packed.fields[start as usize..(start + len) as usize],
            _ => &[],
        }
    }

    /// A field, null or not.
    pub(crate) fn field(self, word: Word) -> Option<Self> {
        let field = self
            .fields()
            .iter()
            .find(|field| field.hash == word.hash && self.tree.str(field.key) == word.text)?;
        Some(Self { tree: self.tree, id: field.value })
    }

    /// A field, null ones left out.
    pub(crate) fn get(self, word: Word) -> Option<Self> {
        self.field(word).filter(|node| !node.is_null())
    }

    /// A field by a name that is not known before.
    pub(crate) fn named(self, name: &str) -> Option<Self> {
        let wanted = hash(name);
        let field =
            self.fields().iter().find(|field| field.hash == wanted && self.tree.str(field.key) == name)?;
        Some(Self { tree: self.tree, id: field.value })
    }

    /// Names and values of an object.
    pub(crate) fn entries(self) -> impl ExactSizeIterator<Item = (&'t str, Self)> + DoubleEndedIterator {
        let tree = self.tree;
        self.fields().iter().map(move |field| (tree.str(field.key), Self { tree, id: field.value }))
    }

    /// The items of a list.
    pub(crate) fn items(self) -> impl ExactSizeIterator<Item = Self> {
        let tree = self.tree;
        let items = match self.slot().shape {
            Shape::Array { start, len } => &tree.packed.items[start as usize..(start + len) as usize],
            _ => &[],
        };
        items.iter().map(move |id| Self { tree, id: *id })
    }

    /// Where a JSON pointer (RFC 6901) leads from here.
    pub(crate) fn pointer(self, pointer: &str) -> Option<Self> {
        let mut node = self;
        for step in pointer.strip_prefix('/').into_iter().flat_map(|steps| steps.split('/')) {
            node = if node.is_array() {
                let index: usize = step.parse().ok()?;
                node.items().nth(index)?
            } else if step.contains('~') {
                node.named(&step.replace("~1", "/").replace("~0", "~"))?
            } else {
                node.named(step)?
            };
        }
        Some(node)
    }

    /// The JSON pointer of this value from the start of its file.
    pub(crate) fn path(self) -> String {
        let mut steps = Vec::new();
        let mut node = self;
        while node.slot().parent != NOBODY && steps.len() <= DEPTH_MAX {
            let parent = Self { tree: self.tree, id: node.slot().parent };
            let step = if parent.is_array() {
                parent.items().position(|item| item.id == node.id).map(|index| index.to_string())
            } else {
                let found = parent.fields().iter().find(|field| field.value == node.id);
                found.map(|field| self.tree.str(field.key).replace('~', "~0").replace('/', "~1"))
            };
            steps.push(step.unwrap_or_default());
            node = parent;
        }
        steps.iter().rev().fold(String::new(), |path, step| path + "/" + step)
    }

    /// The value, on its own.
    pub(crate) fn value(self) -> Value {
        match self.slot().shape {
            Shape::Null => Value::Null,
            Shape::Bool(value) => Value::Bool(value),
            Shape::Text(text) => Value::String(self.tree.str(text).to_owned()),
            Shape::Number(text) => number(self.tree.str(text)),
            Shape::Array { .. } => self.items().map(Self::value).collect(),
            Shape::Object { .. } => {
                let fields: Map<String, Value> =
                    self.entries().map(|(name, node)| (name.to_owned(), node.value())).collect();
                Value::Object(fields)
            }
        }
    }
}

/// A number; one that JSON has no word for stays text.
pub(crate) fn number(text: &str) -> Value {
    let parsed: Result<Number, _> = serde_json::from_str(text);
    parsed.map_or_else(|_| Value::String(text.to_owned()), Value::Number)
}

impl PartialEq for Node<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self.slot().shape, other.slot().shape) {
            (Shape::Array { .. }, Shape::Array { .. }) => {
                self.len() == other.len() && self.items().zip(other.items()).all(|(a, b)| a == b)
            }
            (Shape::Object { .. }, Shape::Object { .. }) => {
                self.len() == other.len() && self.entries().all(|(name, a)| other.named(name) == Some(a))
            }
            (Shape::Null, Shape::Null) => true,
            (Shape::Bool(a), Shape::Bool(b)) => a == b,
            (Shape::Text(_), Shape::Text(_)) => self.text() == other.text(),
            (Shape::Number(_), Shape::Number(_)) => self.value() == other.value(),
            _ => false,
        }
    }
}
