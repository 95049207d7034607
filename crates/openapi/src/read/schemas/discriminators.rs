//! Discriminators: what each value of the property means. What the document leaves out is filled in from constants of the
//! variants and from their names, when all schemas are read.

use std::collections::{HashMap, HashSet};

use super::super::reader::{Reader, clip};
use super::super::spot::Spot;
use crate::api::{Discriminator, Kind, Schema, SchemaId};
use crate::words;

/// Most schemas looked into for the constant of a variant.
const LOOKED_MAX: usize = 64;

impl<'t> Reader<'t> {
    /// Notes what the document says.
    pub(super) fn discriminate(&mut self, schema: &mut Schema, id: SchemaId, spot: Spot<'t>) {
        let Some(said) = spot.get(words::DISCRIMINATOR) else { return };
        // It is a property's name alone in 2.0.
        let property = said.node.text().or_else(|| said.text(words::PROPERTY_NAME));
        let Some(property) = property else {
            let message = "the discriminator does not name a property; it is left out";
            self.warn("discriminator-without-property", said.at(), message, "add `propertyName`");
            return;
        };
        let mut mapping = Vec::new();
        for (value, target) in said.get(words::MAPPING).into_iter().flat_map(Spot::all) {
            let Some(reference) = target.node.text() else { continue };
            let found = match self.in_other_words(reference).filter(|_| !reference.contains(['/', '#'])) {
                // A name, as the standard allows beside references.
                Some(named) => self.referred_spot(named),
                None => self.referred(target, reference),
            };
            match found {
                Some(found) => mapping.push((value.into(), found)),
                None => {
                    let message =
                        format!("the discriminator maps {:?} to nothing that is there", clip(value));
                    self.warn("discriminator-mapping", target.at(), message, "name a schema");
                }
            }
        }
        let fallback = said.get(words::DEFAULT_MAPPING).and_then(|target| {
            let reference = target.node.text()?;
            match self.in_other_words(reference).filter(|_| !reference.contains(['/', '#'])) {
                Some(named) => self.referred_spot(named),
                None => self.referred(target, reference),
            }
        });
        schema.discriminator = Some(Box::new(Discriminator { property: property.into(), mapping, fallback }));
        self.discriminators.push(id);
    }

    fn referred_spot(&mut self, target: Spot<'t>) -> Option<SchemaId> {
        if let Some(id) = self.made(target) {
            return Some(id);
        }
        let id = self.schema(target);
        self.name_by_place(id, target);
        Some(id)
    }

    /// Completes the mappings.
    pub(crate) fn finish_discriminators(&mut self) {
        let extends = self.extensions_of();
        for id in std::mem::take(&mut self.discriminators) {
            let schema = &self.schemas[id.index()];
            let Some(discriminator) = schema.discriminator.clone() else { continue };
            let variants = match &schema.kind {
                Kind::Union(union) => union.variants.clone(),
                _ => heirs(&extends, id),
            };
            let mut complete = discriminator;
            for variant in variants {
                if complete.mapping.iter().any(|(_, known)| *known == variant) {
                    continue;
                }
                let mut values = self.constants(variant, &complete.property);
                if values.is_empty() {
                    values.extend(
                        self.told_value(variant).or_else(|| self.schemas[variant.index()].name.clone()),
                    );
                }
                for value in values {
                    if !complete.mapping.iter().any(|(known, _)| *known == value) {
                        complete.mapping.push((value, variant));
                    }
                }
            }
            self.schemas[id.index()].discriminator = Some(complete);
        }
    }

    /// `x-discriminator-value` and `x-ms-discriminator-value`.
    fn told_value(&self, id: SchemaId) -> Option<Box<str>> {
        let more = self.schemas[id.index()].more.as_ref()?;
        let told = more
            .extensions
            .iter()
            .find(|(name, _)| matches!(&**name, "x-discriminator-value" | "x-ms-discriminator-value"))?;
        told.1.as_str().map(Into::into)
    }

    /// For each schema those that are made of it by `allOf`.
    fn extensions_of(&self) -> HashMap<SchemaId, Vec<SchemaId>> {
        let mut extends: HashMap<SchemaId, Vec<SchemaId>> = HashMap::new();
        for id in &self.named {
            match &self.schemas[id.index()].kind {
                Kind::Intersection(parts) => {
                    parts.iter().for_each(|part| extends.entry(*part).or_default().push(*id))
                }
                Kind::Reference(part) => extends.entry(*part).or_default().push(*id),
                _ => {}
            }
        }
        extends
    }

    /// The values that a property of a schema may have, when these are few constants.
    fn constants(&self, id: SchemaId, property: &str) -> Vec<Box<str>> {
        let mut open = vec![id];
        let mut looked = 0;
        while let Some(id) = open.pop() {
            looked += 1;
            if looked > LOOKED_MAX {
                break;
            }
            match &self.schemas[id.index()].kind {
                Kind::Reference(next) => open.push(*next),
                Kind::Intersection(parts) => open.extend(parts.iter().rev()),
                Kind::Object(object) => {
                    let found = object.properties.iter().find(|known| &*known.name == property);
                    let values = found.map(|known| self.texts(known.schema)).unwrap_or_default();
                    if !values.is_empty() {
                        return values;
                    }
                }
                _ => {}
            }
        }
        Vec::new()
    }

    fn texts(&self, id: SchemaId) -> Vec<Box<str>> {
        let mut id = id;
        for _ in 0..LOOKED_MAX {
            match &self.schemas[id.index()].kind {
                Kind::Reference(next) => id = *next,
                // An enum of all kinds tells nothing about one of them.
                Kind::Enum(values) if values.values.len() == 1 => {
                    return values
                        .values
                        .iter()
                        .filter_map(|known| known.value.as_str().map(Into::into))
                        .collect();
                }
                _ => break,
            }
        }
        Vec::new()
    }
}

/// All that extend a schema, also by others, each once.
fn heirs(extends: &HashMap<SchemaId, Vec<SchemaId>>, id: SchemaId) -> Vec<SchemaId> {
    let mut found = Vec::new();
    let mut seen = HashSet::from([id]);
    let mut open = vec![id];
    let mut at = 0;
    while let Some(next) = open.get(at).copied() {
        at += 1;
        for heir in extends.get(&next).into_iter().flatten() {
            if seen.insert(*heir) {
                found.push(*heir);
                open.push(*heir);
            }
        }
    }
    found
}
