//! Names of schemas: those of the document, and for what references lead to elsewhere one made of its place.

use super::super::reader::Reader;
use super::super::spot::Spot;
use super::ANYTHING;
use crate::api::SchemaId;

/// Steps of pointers that say nothing about what is there.
const SAYS_NOTHING: [&str; 16] = [
    "schema",
    "schemas",
    "properties",
    "items",
    "content",
    "components",
    "definitions",
    "$defs",
    "paths",
    "responses",
    "parameters",
    "requestBodies",
    "headers",
    "additionalProperties",
    "anyOf",
    "oneOf",
];

impl<'t> Reader<'t> {
    /// Names a schema; a name that is taken gets what tells it apart.
    pub(super) fn name(&mut self, id: SchemaId, name: &str) {
        let Some(schema) = self.schemas.get_mut(id.index()).filter(|schema| schema.name.is_none()) else {
            return;
        };
        if id == ANYTHING {
            return;
        }
        let name = if name.is_empty() { "Unnamed" } else { name };
        let mut unique = name.to_owned();
        let mut count = 1;
        while self.names.contains(unique.as_str()) {
            count += 1;
            unique = format!("{name}_{count}");
        }
        self.names.insert(unique.as_str().into());
        schema.name = Some(unique.into());
        self.named.push(id);
    }

    /// Names a schema by where it stands: its key, or the file that holds nothing else.
    pub(super) fn name_by_place(&mut self, id: SchemaId, spot: Spot<'t>) {
        let path = spot.node.path();
        let steps: Vec<String> = path
            .split('/')
            .skip(1)
            .map(|step| step.replace("~1", "/").replace("~0", "~"))
            .filter(|step| !SAYS_NOTHING.contains(&step.as_str()))
            .collect();
        let stem = stem(&spot.node.tree().uri);
        let direct = path.starts_with("/components/schemas/") || path.starts_with("/definitions/");
        let name = match steps.as_slice() {
            [] => stem.to_owned(),
            // A map of schemas in a file of its own.
            [only] => only.clone(),
            steps if direct => steps.join("_"),
            steps => steps
                .iter()
                .flat_map(|step| step.split(['/', '{', '}']))
                .filter(|word| !word.is_empty())
                .filter(|word| !matches!(*word, "application" | "json"))
                .collect::<Vec<_>>()
                .join("_"),
        };
        if self.names.contains(name.as_str()) && spot.file > 0 && !steps.is_empty() {
            self.name(id, &format!("{stem}_{name}"));
        } else {
            self.name(id, &name);
        }
    }
}

/// The name of a file without folders and endings.
fn stem(uri: &str) -> &str {
    let path = uri.split(['?', '#']).next().unwrap_or_default();
    let file = path.rsplit('/').next().unwrap_or_default();
    file.split('.').next().filter(|stem| !stem.is_empty()).unwrap_or(file)
}
