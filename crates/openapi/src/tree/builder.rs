//! Puts a tree together in the order of the text: begin, leaves, end.

use std::ops::Range;

use super::{DEPTH_MAX, EXTRA, FaultKind, Field, NOBODY, Packed, Shape, Slot, Text, hash};

/// Puts a tree together: begin, leaves, end, in the order of the text.
pub(crate) struct Builder<'s> {
    pub(crate) source: &'s str,
    packed: Packed,
    /// Fields and items of what is open; each open value owns the tail from its mark on.
    open_fields: Vec<Field>,
    open_items: Vec<u32>,
    open: Vec<Open>,
    nodes_max: usize,
}

struct Open {
    node: u32,
    is_object: bool,
    mark: usize,
    key: Option<(u32, Text)>,
}

/// There are more values than may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLarge;

impl<'s> Builder<'s> {
    pub(crate) fn new(source: &'s str, nodes_max: usize) -> Self {
        let packed = Packed::default();
        Self { source, packed, open_fields: Vec::new(), open_items: Vec::new(), open: Vec::new(), nodes_max }
    }

    /// A text that is written as it is read.
    pub(crate) fn slice(range: Range<usize>) -> Text {
        Text { start: range.start as u32, len: (range.end - range.start) as u32 }
    }

    /// A text that is written otherwise.
    pub(crate) fn kept(&mut self, text: &str) -> Text {
        let start = self.packed.extra.len() as u32;
        self.packed.extra.push_str(text);
        Text { start: start | EXTRA, len: text.len() as u32 }
    }

    pub(crate) fn fault(&mut self, kind: FaultKind, offset: usize) {
        self.packed.overlooked(kind, offset);
    }

    pub(crate) fn depth(&self) -> usize {
        self.open.len()
    }

    /// Whether the next thing of the open object is a key.
    pub(crate) fn wants_key(&self) -> bool {
        self.open.last().is_some_and(|open| open.is_object && open.key.is_none())
    }

    pub(crate) fn key(&mut self, key: Text) {
        let hash = hash(self.packed.str(self.source, key));
        if let Some(open) = self.open.last_mut() {
            open.key = Some((hash, key));
        }
    }

    fn add(&mut self, offset: usize, shape: Shape) -> Result<u32, TooLarge> {
        if self.packed.nodes.len() >= self.nodes_max {
            return Err(TooLarge);
        }
        let id = self.packed.nodes.len() as u32;
        let parent = self.open.last().map_or(NOBODY, |open| open.node);
        self.packed.nodes.push(Slot { offset: offset as u32, parent, shape });
        if let Some(open) = self.open.last_mut() {
            if open.is_object {
                if let Some((hash, key)) = open.key.take() {
                    self.open_fields.push(Field { hash, key, value: id });
                }
            } else {
                self.open_items.push(id);
            }
        }
        Ok(id)
    }

    pub(crate) fn null(&mut self, offset: usize) -> Result<u32, TooLarge> {
        self.add(offset, Shape::Null)
    }

    pub(crate) fn boolean(&mut self, offset: usize, value: bool) -> Result<u32, TooLarge> {
        self.add(offset, Shape::Bool(value))
    }

    pub(crate) fn number(&mut self, offset: usize, text: Text) -> Result<u32, TooLarge> {
        self.add(offset, Shape::Number(text))
    }

    pub(crate) fn text(&mut self, offset: usize, text: Text) -> Result<u32, TooLarge> {
        self.add(offset, Shape::Text(text))
    }

    pub(crate) fn begin(&mut self, offset: usize, is_object: bool) -> Result<u32, TooLarge> {
        let shape =
            if is_object { Shape::Object { start: 0, len: 0 } } else { Shape::Array { start: 0, len: 0 } };
        let node = self.add(offset, shape)?;
        let mark = if is_object { self.open_fields.len() } else { self.open_items.len() };
        self.open.push(Open { node, is_object, mark, key: None });
        Ok(node)
    }

    pub(crate) fn end(&mut self) {
        let Some(open) = self.open.pop() else { return };
        let node = open.node as usize;
        if open.is_object {
            self.without_duplicates(open.mark);
            let start = self.packed.fields.len() as u32;
            self.packed.fields.extend(self.open_fields.drain(open.mark..));
            let len = self.packed.fields.len() as u32 - start;
            self.packed.nodes[node].shape = Shape::Object { start, len };
        } else {
            let start = self.packed.items.len() as u32;
            self.packed.items.extend(self.open_items.drain(open.mark..));
            let len = self.packed.items.len() as u32 - start;
            self.packed.nodes[node].shape = Shape::Array { start, len };
        }
    }

    /// The last of two fields with one name stays, where the first stood.
    fn without_duplicates(&mut self, mark: usize) {
        let fields = &self.open_fields[mark..];
        let suspects = if fields.len() <= 8 {
            fields.iter().enumerate().any(|(at, field)| fields[..at].iter().any(|f| f.hash == field.hash))
        } else {
            let mut hashes: Vec<_> = fields.iter().map(|field| field.hash).collect();
            hashes.sort_unstable();
            hashes.windows(2).any(|pair| pair[0] == pair[1])
        };
        if !suspects {
            return;
        }
        let given: Vec<_> = self.open_fields.drain(mark..).collect();
        let mut places = std::collections::HashMap::new();
        let mut faults = Vec::new();
        for field in given {
            match places.entry(self.packed.str(self.source, field.key).to_owned()) {
                std::collections::hash_map::Entry::Vacant(place) => {
                    place.insert(self.open_fields.len());
                    self.open_fields.push(field);
                }
                std::collections::hash_map::Entry::Occupied(place) => {
                    faults.push(self.packed.nodes[field.value as usize].offset);
                    self.open_fields[*place.get()] = field;
                }
            }
        }
        for offset in faults {
            self.fault(FaultKind::DuplicateKey, offset as usize);
        }
    }

    /// The text of a value without parts.
    pub(crate) fn leaf(&self, node: u32) -> Option<Text> {
        match self.packed.nodes[node as usize].shape {
            Shape::Text(text) | Shape::Number(text) => Some(text),
            _ => None,
        }
    }

    /// Puts a value here once more, with all it holds.
    pub(crate) fn copy(&mut self, from: u32) -> Result<u32, TooLarge> {
        let slot = self.packed.nodes[from as usize];
        let offset = slot.offset as usize;
        if self.depth() >= DEPTH_MAX {
            return Err(TooLarge);
        }
        match slot.shape {
            Shape::Array { start, len } => {
                let node = self.begin(offset, false)?;
                for at in start..start + len {
                    self.copy(self.packed.items[at as usize])?;
                }
                self.end();
                Ok(node)
            }
            Shape::Object { start, len } => {
                let node = self.begin(offset, true)?;
                for at in start..start + len {
                    let field = self.packed.fields[at as usize];
                    self.key(field.key);
                    self.copy(field.value)?;
                }
                self.end();
                Ok(node)
            }
            shape => self.add(offset, shape),
        }
    }

    /// Puts the fields of an object (or of each object of a list) into the open one, but those that it has.
    pub(crate) fn merge(&mut self, from: u32) -> Result<(), TooLarge> {
        match self.packed.nodes[from as usize].shape {
            Shape::Object { start, len } => {
                for at in start..start + len {
                    let field = self.packed.fields[at as usize];
                    if !self.has(field) {
                        self.key(field.key);
                        self.copy(field.value)?;
                    }
                }
            }
            Shape::Array { start, len } => {
                for at in start..start + len {
                    self.merge(self.packed.items[at as usize])?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn has(&self, field: Field) -> bool {
        let mark = self.open.last().map_or(0, |open| open.mark);
        let text = |field: Field| self.packed.str(self.source, field.key);
        self.open_fields[mark..].iter().any(|own| own.hash == field.hash && text(*own) == text(field))
    }

    /// Takes the last field of the open object out again.
    pub(crate) fn drop_last_field(&mut self) {
        self.open_fields.pop();
    }

    pub(crate) fn finish(mut self) -> Packed {
        while !self.open.is_empty() {
            self.end();
        }
        if self.packed.nodes.is_empty() {
            self.packed.nodes.push(Slot { offset: 0, parent: NOBODY, shape: Shape::Null });
        }
        self.packed
    }
}
