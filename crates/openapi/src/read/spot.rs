//! A value, and the file whose references it is read with.

use crate::api::At;
use crate::tree::{Node, Word};

/// A value of one of the files of a document.
#[derive(Clone, Copy)]
pub(crate) struct Spot<'t> {
    pub(crate) file: u32,
    pub(crate) node: Node<'t>,
}

impl<'t> Spot<'t> {
    pub(crate) fn at(self) -> At {
        At { file: self.file, node: self.node.id() }
    }

    fn with(self, node: Node<'t>) -> Self {
        Self { file: self.file, node }
    }

    /// A field, null ones left out; references are not followed.
    pub(crate) fn get(self, word: Word) -> Option<Self> {
        self.node.get(word).map(|node| self.with(node))
    }

    pub(crate) fn named(self, name: &str) -> Option<Self> {
        self.node.named(name).map(|node| self.with(node))
    }

    /// A field that is text, or something that was not put in quotes.
    pub(crate) fn text(self, word: Word) -> Option<&'t str> {
        self.node.get(word)?.scalar()
    }

    /// A field that is a truth, also one in quotes; false when it is absent.
    pub(crate) fn flag(self, word: Word) -> bool {
        self.truth(word).unwrap_or(false)
    }

    pub(crate) fn truth(self, word: Word) -> Option<bool> {
        let node = self.node.get(word)?;
        node.truth().or_else(|| match node.text()? {
            "true" | "True" => Some(true),
            "false" | "False" => Some(false),
            _ => None,
        })
    }

    /// Names and values of an object, extensions and nulls left out.
    pub(crate) fn entries(self) -> impl Iterator<Item = (&'t str, Self)> {
        let entries = self.node.entries();
        entries
            .filter(|(name, node)| !node.is_null() && !name.starts_with("x-"))
            .map(move |(name, node)| (name, self.with(node)))
    }

    /// All names and values of an object: names are the author's own.
    pub(crate) fn all(self) -> impl ExactSizeIterator<Item = (&'t str, Self)> {
        self.node.entries().map(move |(name, node)| (name, self.with(node)))
    }

    pub(crate) fn items(self) -> impl ExactSizeIterator<Item = Self> {
        self.node.items().map(move |node| self.with(node))
    }

    /// The items of a list, or the value itself where a list should be.
    pub(crate) fn list(self) -> impl Iterator<Item = Self> {
        let alone = (!self.node.is_array() && !self.node.is_null()).then_some(self);
        self.items().chain(alone)
    }

    pub(crate) fn pointer(self, pointer: &str) -> Option<Self> {
        self.node.pointer(pointer).map(|node| self.with(node))
    }

    /// Where its reference leads, as written.
    pub(crate) fn reference(self) -> Option<&'t str> {
        self.node.get(crate::words::REF)?.text()
    }
}
