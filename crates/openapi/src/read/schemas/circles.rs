//! Circles that pass no property and no item: a schema that is itself, or itself and more. They mean nothing, and who walks
//! along would not come back; they are cut.

use super::super::reader::Reader;
use crate::api::{Kind, SchemaId};
use crate::diagnostic::Severity;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    New,
    Open,
    Done,
}

impl Reader<'_> {
    /// Cuts the circles of references, `allOf`, `oneOf` and `anyOf`.
    pub(crate) fn cut_circles(&mut self) {
        let mut marks = vec![Mark::New; self.schemas.len()];
        let mut cuts = Vec::new();
        for start in 0..self.schemas.len() {
            if marks[start] != Mark::New || self.next(start, 0).is_none() {
                continue;
            }
            marks[start] = Mark::Open;
            let mut path = vec![(start, 0)];
            while let Some((at, step)) = path.last_mut() {
                let (from, child) = (*at, self.next(*at, *step));
                *step += 1;
                match child {
                    None => {
                        marks[from] = Mark::Done;
                        path.pop();
                    }
                    Some(child) => match marks[child.index()] {
                        Mark::New => {
                            marks[child.index()] = Mark::Open;
                            path.push((child.index(), 0));
                        }
                        Mark::Open => cuts.push((from, child)),
                        Mark::Done => {}
                    },
                }
            }
        }
        for (from, to) in cuts {
            self.cut(from, to);
        }
    }

    /// What a schema is, as far as it is others.
    fn next(&self, schema: usize, step: usize) -> Option<SchemaId> {
        match &self.schemas[schema].kind {
            Kind::Reference(next) if step == 0 => Some(*next),
            Kind::Intersection(parts) => parts.get(step).copied(),
            Kind::Union(union) => union.variants.get(step).copied(),
            _ => None,
        }
    }

    fn cut(&mut self, from: usize, to: SchemaId) {
        let at = self.schemas[from].at;
        let message = "the schema is made of itself; that part is left out";
        self.say("reference-circle", Severity::Error, at, message, "take the reference to itself out");
        let schema = &mut self.schemas[from];
        schema.kind = match std::mem::replace(&mut schema.kind, Kind::Any) {
            Kind::Intersection(parts) => {
                fewer(parts, to).map_or_else(|one| one.map_or(Kind::Any, Kind::Reference), Kind::Intersection)
            }
            Kind::Union(mut union) => match fewer(std::mem::take(&mut union.variants), to) {
                Ok(variants) => {
                    union.variants = variants;
                    Kind::Union(union)
                }
                Err(one) => one.map_or(Kind::Any, Kind::Reference),
            },
            _ => Kind::Any,
        };
        // A reference leads to something with a name; what has none is taken over.
        if let Kind::Reference(only) = schema.kind
            && self.schemas[only.index()].name.is_none()
        {
            let only = self.schemas[only.index()].clone();
            let schema = &mut self.schemas[from];
            schema.kind = only.kind;
            schema.nullable |= only.nullable;
            schema.limits = schema.limits.take().or(only.limits);
        }
    }
}

/// Without one; what is left when that is not several.
fn fewer(ids: Vec<SchemaId>, without: SchemaId) -> Result<Vec<SchemaId>, Option<SchemaId>> {
    let left: Vec<_> = ids.into_iter().filter(|id| *id != without).collect();
    if left.len() > 1 { Ok(left) } else { Err(left.first().copied()) }
}
