//! What is decided before anything is written: names, which schemas have two forms, which types extend which.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap, HashSet};

use openapi::api::{Additional, Api, Body, Content, Kind, Operation, Response, Schema, SchemaId};

use crate::Options;
use crate::names::{ApiName, Group, TypeNames, groups};
use crate::schemas::SchemaNames;
use crate::security::{Credentials, credentials};

/// Which way a value goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Way {
    /// From the service.
    Read,
    /// To the service.
    Write,
}

/// Properties of schemas, with the values that discriminators give them.
type Tags = HashMap<SchemaId, Vec<Tag>>;

/// A property and the values that mean a schema.
pub(crate) type Tag = (Box<str>, Vec<Box<str>>);

/// Decisions about a document.
pub(crate) struct Plan<'a> {
    pub(crate) api: &'a Api,
    pub(crate) options: &'a Options,
    pub(crate) name: ApiName,
    pub(crate) groups: Vec<Group>,
    pub(crate) names: TypeNames,
    pub(crate) credentials: Vec<Credentials>,
    /// What most operations ask for, as it is written.
    pub(crate) usual: String,
    models: HashMap<String, (SchemaId, Way)>,
    /// By schema: whether a `Date` is in it.
    dated: Vec<bool>,
    /// By schema: whether there are bytes in it.
    bytes: Vec<bool>,
    pub(crate) schema_names: SchemaNames,
    /// Models whose schemas resources use.
    pub(crate) schema_roots: RefCell<BTreeSet<(SchemaId, Way)>>,
    /// By schema: whether what is sent differs from what is received.
    differs: Vec<bool>,
    read: Vec<bool>,
    write: Vec<bool>,
    /// Names of what is sent, where a schema has two forms.
    inputs: HashMap<SchemaId, String>,
    /// Values that a discriminator gives a property of a schema.
    tags: Tags,
    /// Steps from one named schema to another that would lead back without an object between.
    cut: HashSet<(SchemaId, SchemaId)>,
}

impl<'a> Plan<'a> {
    pub(crate) fn of(api: &'a Api, options: &'a Options) -> Self {
        let name = ApiName::of(&api.info.title, options.name.as_deref());
        let groups = groups(api);
        let names = TypeNames::of(api, &name.class, &groups);
        let (read, write) = reached(api);
        let mut plan = Self {
            differs: differing(api),
            read,
            write,
            inputs: HashMap::new(),
            tags: tags(api),
            cut: HashSet::new(),
            api,
            options,
            name,
            groups,
            names,
            credentials: Vec::new(),
            usual: String::new(),
            models: HashMap::new(),
            dated: if options.dates == crate::Dates::Dates { dated(api) } else { Vec::new() },
            bytes: spread(api, |schema| matches!(schema.kind, Kind::Binary(_))),
            schema_names: SchemaNames::default(),
            schema_roots: RefCell::default(),
        };
        plan.credentials = credentials(&plan);
        plan.usual = plan.alternatives(&plan.usual_security()).flat();
        plan.cut = circles(api);
        for &id in api.named() {
            if plan.differs[id.index()] && plan.write[id.index()] && plan.read[id.index()] {
                let wished = format!("{}Input", plan.names.models[&id]);
                let name = plan.names.claim(&wished, "");
                plan.inputs.insert(id, name);
            }
        }
        for &id in api.named() {
            let forms: Vec<(Way, String)> =
                plan.forms(id).into_iter().map(|(way, name)| (way, name.to_owned())).collect();
            plan.models.extend(forms.into_iter().map(|(way, name)| (name, (id, way))));
        }
        plan.schema_names = SchemaNames::claim(&mut plan);
        plan
    }

    /// A schema.
    pub(crate) fn schema(&self, id: SchemaId) -> &'a Schema {
        self.api.schema(id)
    }

    /// The ways in which a named schema is written down, with its names.
    pub(crate) fn forms(&self, id: SchemaId) -> Vec<(Way, &str)> {
        let name = self.names.models[&id].as_str();
        match self.inputs.get(&id) {
            Some(input) => vec![(Way::Read, name), (Way::Write, input)],
            None if self.write[id.index()] && !self.read[id.index()] => vec![(Way::Write, name)],
            None => vec![(Way::Read, name)],
        }
    }

    /// What a named schema is called when it goes one way.
    pub(crate) fn model(&self, id: SchemaId, way: Way) -> Option<&str> {
        let name = self.names.models.get(&id)?;
        Some(match self.inputs.get(&id) {
            Some(input) if way == Way::Write => input,
            _ => name,
        })
    }

    /// Whether a `Date` is in a schema.
    pub(crate) fn is_dated(&self, id: SchemaId) -> bool {
        self.dated.get(id.index()).copied().unwrap_or_default()
    }

    /// Whether there are bytes in a schema.
    pub(crate) fn has_bytes(&self, id: SchemaId) -> bool {
        self.bytes[id.index()]
    }

    /// Whether a type is one of `models.ts`.
    pub(crate) fn is_model(&self, name: &str) -> bool {
        self.models.contains_key(name)
    }

    /// What schema a type of `models.ts` is, and which way it goes.
    pub(crate) fn model_of(&self, name: &str) -> Option<(SchemaId, Way)> {
        self.models.get(name).copied()
    }

    /// What the package is called.
    pub(crate) fn package(&self) -> &str {
        self.options.name.as_deref().unwrap_or(&self.name.package)
    }

    /// The version of the package.
    pub(crate) fn version(&self) -> &str {
        self.options.version.as_deref().unwrap_or("0.1.0")
    }

    /// Whether a step to another schema must not be made, because it leads back.
    pub(crate) fn is_cut(&self, from: Option<SchemaId>, to: SchemaId) -> bool {
        from.is_some_and(|from| self.cut.contains(&(from, to)))
    }

    /// Properties of a schema whose values discriminators say.
    pub(crate) fn tags(&self, id: SchemaId) -> &[Tag] {
        self.tags.get(&id).map_or(&[], Vec::as_slice)
    }

    /// Whether a property with this schema is there when it goes this way.
    pub(crate) fn is_there(&self, id: SchemaId, way: Way) -> bool {
        let own = self.schema(id);
        let target = self.schema(self.api.resolve(id));
        match way {
            Way::Read => !(own.write_only || target.write_only),
            Way::Write => !(own.read_only || target.read_only),
        }
    }

    /// A property of a schema, wherever `allOf` has put it.
    pub(crate) fn property(&self, id: SchemaId, name: &str) -> Option<(SchemaId, bool)> {
        self.property_within(id, name, 16)
    }

    fn property_within(&self, id: SchemaId, name: &str, depth: usize) -> Option<(SchemaId, bool)> {
        let depth = depth.checked_sub(1)?;
        match &self.schema(self.api.resolve(id)).kind {
            Kind::Object(object) => {
                let found = object.properties.iter().find(|p| &*p.name == name && !p.implied)?;
                Some((found.schema, found.required))
            }
            Kind::Intersection(parts) => {
                parts.iter().find_map(|&part| self.property_within(part, name, depth))
            }
            _ => None,
        }
    }
}

/// Schemas that are one step away.
fn children(schema: &Schema, mut to: impl FnMut(SchemaId)) {
    match &schema.kind {
        Kind::Array(array) => {
            array.prefix.iter().for_each(|&id| to(id));
            to(array.items);
        }
        Kind::Object(object) => {
            object.properties.iter().for_each(|p| to(p.schema));
            object.patterns.iter().for_each(|(_, id)| to(*id));
            if let Additional::Schema(id) = object.additional {
                to(id);
            }
        }
        Kind::Union(union) => union.variants.iter().for_each(|&id| to(id)),
        Kind::Intersection(parts) => parts.iter().for_each(|&id| to(id)),
        Kind::Reference(id) => to(*id),
        _ => {}
    }
}

/// Which schemas come from the service, and which go to it.
fn reached(api: &Api) -> (Vec<bool>, Vec<bool>) {
    let (mut read, mut write) = (Vec::new(), Vec::new());
    let operations = api.operations.iter();
    for operation in operations {
        write.extend(operation.parameters.iter().map(|p| p.schema));
        write.extend(body_schemas(operation.body.as_ref()));
        read.extend(operation.responses.iter().flat_map(response_schemas));
        // What the service calls at us comes from it, and our answers go to it.
        called(operation.callbacks.iter().flat_map(|c| &c.operations), &mut read, &mut write);
    }
    called(api.webhooks.iter().flat_map(|w| &w.operations), &mut read, &mut write);
    (marked(api, read), marked(api, write))
}

fn called<'a>(
    operations: impl Iterator<Item = &'a Operation>,
    read: &mut Vec<SchemaId>,
    write: &mut Vec<SchemaId>,
) {
    for operation in operations {
        read.extend(body_schemas(operation.body.as_ref()));
        write.extend(operation.responses.iter().flat_map(response_schemas));
    }
}

fn body_schemas(body: Option<&Body>) -> Vec<SchemaId> {
    body.into_iter().flat_map(|body| &body.contents).flat_map(content_schemas).collect()
}

fn response_schemas(response: &Response) -> Vec<SchemaId> {
    response.contents.iter().flat_map(content_schemas).collect()
}

fn content_schemas(content: &Content) -> impl Iterator<Item = SchemaId> {
    content.schema.into_iter().chain(content.item_schema)
}

fn marked(api: &Api, mut open: Vec<SchemaId>) -> Vec<bool> {
    let mut marks = vec![false; api.schemas().len()];
    while let Some(id) = open.pop() {
        if !std::mem::replace(&mut marks[id.index()], true) {
            children(api.schema(id), |child| open.push(child));
        }
    }
    marks
}

/// By schema: whether something in it goes one way only, or is written differently each way.
fn differing(api: &Api) -> Vec<bool> {
    spread(api, |schema| match &schema.kind {
        Kind::Object(object) => object.properties.iter().any(|p| {
            let (own, target) = (api.schema(p.schema), api.schema(api.resolve(p.schema)));
            own.read_only || own.write_only || target.read_only || target.write_only
        }),
        Kind::Binary(_) => true,
        _ => false,
    })
}

/// By schema: whether a time or a date is in it.
fn dated(api: &Api) -> Vec<bool> {
    spread(
        api,
        |schema| matches!(&schema.kind, Kind::String(format) if crate::types::moment(format.as_deref()).is_some()),
    )
}

/// By schema: whether something holds for it or for a schema in it.
fn spread(api: &Api, holds: impl Fn(&Schema) -> bool) -> Vec<bool> {
    let count = api.schemas().len();
    let mut marks = vec![false; count];
    let mut parents: Vec<Vec<SchemaId>> = vec![Vec::new(); count];
    let mut open: Vec<SchemaId> = Vec::new();
    for (id, schema) in api.schemas() {
        children(schema, |child| parents[child.index()].push(id));
        if holds(schema) {
            marks[id.index()] = true;
            open.push(id);
        }
    }
    while let Some(id) = open.pop() {
        for &parent in &parents[id.index()] {
            if !std::mem::replace(&mut marks[parent.index()], true) {
                open.push(parent);
            }
        }
    }
    marks
}

/// What discriminators say of their variants: of each schema, the property and the values that mean it.
fn tags(api: &Api) -> Tags {
    let mut found: Tags = HashMap::new();
    for (owner, schema) in api.schemas() {
        let Some(discriminator) = &schema.discriminator else { continue };
        for (value, target) in &discriminator.mapping {
            let target = api.resolve(*target);
            // A base that is told as itself keeps its property as it is: it stands for its heirs too.
            if target == owner {
                continue;
            }
            let properties = found.entry(target).or_default();
            match properties.iter_mut().find(|(name, _)| *name == discriminator.property) {
                Some((_, values)) if values.contains(value) => {}
                Some((_, values)) => values.push(value.clone()),
                None => properties.push((discriminator.property.clone(), vec![value.clone()])),
            }
        }
    }
    // A base that others extend stands for them too.
    let mut bases: HashSet<SchemaId> = HashSet::new();
    for &id in found.keys() {
        let mut open = vec![id];
        let mut seen = HashSet::new();
        while let Some(each) = open.pop() {
            if let (true, Kind::Intersection(parts)) = (seen.insert(each), &api.schema(each).kind) {
                let parts = parts.iter().map(|&part| api.resolve(part));
                open.extend(parts);
            }
            if each != id {
                bases.insert(each);
            }
        }
    }
    found.retain(|id, _| api.schema(*id).discriminator.is_none() && !bases.contains(id));
    found
}

/// Steps between named schemas that would close a circle of aliases: TypeScript cannot follow those.
fn circles(api: &Api) -> HashSet<(SchemaId, SchemaId)> {
    #[derive(Clone, Copy, PartialEq)]
    enum Seen {
        No,
        Open,
        Done,
    }
    let mut seen = vec![Seen::No; api.schemas().len()];
    let mut cut = HashSet::new();
    for &start in api.named() {
        if seen[start.index()] != Seen::No {
            continue;
        }
        // Depth first without recursion: documents can be deeper than a stack.
        let mut path: Vec<(SchemaId, Vec<SchemaId>)> = vec![(start, steps(api, start))];
        seen[start.index()] = Seen::Open;
        while let Some((from, open)) = path.last_mut() {
            let Some(to) = open.pop() else {
                seen[from.index()] = Seen::Done;
                path.pop();
                continue;
            };
            match seen[to.index()] {
                Seen::Open => {
                    cut.insert((*from, to));
                }
                Seen::No => {
                    seen[to.index()] = Seen::Open;
                    path.push((to, steps(api, to)));
                }
                Seen::Done => {}
            }
        }
    }
    cut
}

/// Named schemas that the type of a named schema is made of with no object, list or map between.
fn steps(api: &Api, id: SchemaId) -> Vec<SchemaId> {
    let mut found = Vec::new();
    let mut open = vec![id];
    let mut first = true;
    let mut seen = HashSet::new();
    while let Some(id) = open.pop() {
        let schema = api.schema(id);
        if !std::mem::take(&mut first) && schema.name.is_some() {
            found.push(id);
            continue;
        }
        if !seen.insert(id) {
            continue;
        }
        match &schema.kind {
            Kind::Union(union) => open.extend(&union.variants),
            Kind::Intersection(parts) => open.extend(parts),
            Kind::Reference(to) => open.push(*to),
            _ => {}
        }
    }
    found
}
