//! What schemas are made of: properties over `allOf`, and parts in general.

use std::collections::HashSet;

use super::{Api, Kind, Object, Property, SchemaId};

/// Most schemas looked into.
const LOOKED_MAX: usize = 1_000;

impl Api {
    /// The properties of an object with those of all it is made of (`allOf`, references), each name once, in order; of
    /// two with one name the first, required if one is. What a [`Kind::Union`] would add is not among them.
    #[must_use]
    pub fn properties(&self, id: SchemaId) -> Vec<Property> {
        self.gathered(id, false)
    }

    /// The same, with those of variants: what an object may have at all.
    #[must_use]
    pub fn possible_properties(&self, id: SchemaId) -> Vec<Property> {
        self.gathered(id, true)
    }

    fn gathered(&self, id: SchemaId, variants: bool) -> Vec<Property> {
        let mut found: Vec<Property> = Vec::new();
        let mut index = std::collections::HashMap::new();
        for object in self.objects(id, variants) {
            for property in &object.properties {
                match index.get(&property.name) {
                    None => {
                        index.insert(property.name.clone(), found.len());
                        found.push(property.clone());
                    }
                    Some(at) => {
                        let known: &mut Property = &mut found[*at];
                        known.required |= property.required && !variants;
                        if known.implied && !property.implied {
                            (known.schema, known.implied) = (property.schema, false);
                        }
                    }
                }
            }
        }
        found
    }

    /// The objects that a schema is made of.
    fn objects(&self, id: SchemaId, variants: bool) -> Vec<&Object> {
        let mut objects = Vec::new();
        let mut seen = HashSet::new();
        let mut open = vec![id];
        while let Some(id) = open.pop() {
            if seen.len() >= LOOKED_MAX || !seen.insert(id) {
                continue;
            }
            match &self.schema(id).kind {
                Kind::Object(object) => objects.push(&**object),
                Kind::Reference(next) => open.push(*next),
                Kind::Intersection(parts) => open.extend(parts.iter().rev()),
                Kind::Union(union) if variants => open.extend(union.variants.iter().rev()),
                _ => {}
            }
        }
        objects
    }

    /// These schemas, what they are made of and what lies directly in them, each once.
    pub(crate) fn parts_of(&self, roots: &[SchemaId]) -> Vec<SchemaId> {
        let mut seen = HashSet::new();
        let mut found = Vec::new();
        let mut open: Vec<(SchemaId, usize)> = roots.iter().map(|id| (*id, 0)).collect();
        while let Some((id, depth)) = open.pop() {
            if depth > 2 || seen.len() >= LOOKED_MAX || !seen.insert(id) {
                continue;
            }
            found.push(id);
            match &self.schema(id).kind {
                Kind::Object(object) => open.extend(object.properties.iter().map(|p| (p.schema, depth + 1))),
                Kind::Array(array) => open.push((array.items, depth + 1)),
                Kind::Reference(next) => open.push((*next, depth)),
                Kind::Intersection(parts) => open.extend(parts.iter().map(|part| (*part, depth))),
                Kind::Union(union) => open.extend(union.variants.iter().map(|part| (*part, depth))),
                _ => {}
            }
        }
        found
    }

    /// Whether a schema holds bytes, or a list of them.
    pub(crate) fn holds_bytes(&self, id: SchemaId) -> bool {
        match &self.schema(self.resolve(id)).kind {
            Kind::Binary(_) => true,
            Kind::Array(array) => matches!(self.schema(self.resolve(array.items)).kind, Kind::Binary(_)),
            Kind::Union(union) => {
                union.variants.iter().any(|id| matches!(self.schema(self.resolve(*id)).kind, Kind::Binary(_)))
            }
            _ => false,
        }
    }

    /// Whether a schema takes objects.
    pub(crate) fn takes_objects(&self, id: SchemaId) -> bool {
        match &self.schema(self.resolve(id)).kind {
            Kind::Any | Kind::Object(_) => true,
            Kind::Intersection(parts) => parts.iter().all(|part| self.takes_objects_flat(*part)),
            Kind::Union(union) => union.variants.iter().any(|part| self.takes_objects_flat(*part)),
            _ => false,
        }
    }

    fn takes_objects_flat(&self, id: SchemaId) -> bool {
        matches!(
            self.schema(self.resolve(id)).kind,
            Kind::Any | Kind::Object(_) | Kind::Intersection(_) | Kind::Union(_)
        )
    }
}
