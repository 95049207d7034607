//! Where things stand in the files of a document, and values that stay there until somebody wants them.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::tree::{Node, Tree};

/// A place in a document; [`super::Api::location`] says which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct At {
    pub(crate) file: u32,
    pub(crate) node: u32,
}

/// A place for people and tools.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
    /// The URI of the file.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// JSON pointer (RFC 6901) in the file; empty for the whole.
    pub pointer: String,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// Any JSON value of a document. It takes no memory of its own until [`Data::value`] makes one.
#[derive(Clone)]
pub struct Data {
    file: Arc<Tree>,
    node: u32,
}

impl Data {
    pub(crate) fn new(file: &Arc<Tree>, node: Node<'_>) -> Self {
        Self { file: Arc::clone(file), node: node.id() }
    }

    pub(crate) fn node(&self) -> Node<'_> {
        self.file.node(self.node)
    }

    /// The value.
    #[must_use]
    pub fn value(&self) -> Value {
        self.node().value()
    }

    /// The value, if it is text.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        self.node().text()
    }

    /// The value, if it is a truth.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        self.node().truth()
    }
}

impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.value())
    }
}

impl PartialEq for Data {
    fn eq(&self, other: &Self) -> bool {
        self.node() == other.node()
    }
}

/// The files of a document; the first is the document itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Files {
    pub(crate) trees: Vec<Arc<Tree>>,
}

impl Files {
    pub(crate) fn len(&self) -> usize {
        self.trees.len()
    }

    pub(crate) fn uri(&self, file: u32) -> &str {
        self.trees.get(file as usize).map_or("", |tree| &tree.uri)
    }

    pub(crate) fn node(&self, at: At) -> Node<'_> {
        self.trees[at.file as usize].node(at.node)
    }

    pub(crate) fn location(&self, at: At) -> Location {
        let node = self.node(at);
        let (line, column) = node.tree().position(node.offset());
        Location { file: node.tree().uri.clone(), line, column, pointer: node.path() }
    }

    /// Where a byte of a file is.
    pub(crate) fn position(&self, file: u32, offset: u32) -> Location {
        let tree = &self.trees[file as usize];
        let (line, column) = tree.position(offset);
        Location { file: tree.uri.clone(), line, column, pointer: String::new() }
    }
}
