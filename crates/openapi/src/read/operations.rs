//! Operations: paths, their methods, callbacks and webhooks.

use std::collections::HashMap;

use super::parameters::Parameters;
use super::reader::{Reader, clip};
use super::spot::Spot;
use crate::api::{
    At, Callback, In, Operation, Parameter, Requirement, SecurityScheme, Server, Style, Webhook, next_name,
    plain_name,
};
use crate::diagnostic::Severity;
use crate::words;

/// The methods of a path item; `query` is of 3.2.
const METHODS: [&str; 9] = ["get", "put", "post", "delete", "options", "head", "patch", "trace", "query"];
/// Callbacks of operations of callbacks of … are read so deep.
const CALLBACKS_DEPTH: usize = 2;

/// What holds for all operations that say nothing else.
pub(crate) struct Setting<'a> {
    pub(crate) servers: &'a [Server],
    pub(crate) schemes: &'a [SecurityScheme],
    pub(crate) security: &'a [Requirement],
}

impl<'t> Reader<'t> {
    /// Every operation of the document's paths.
    pub(crate) fn operations(&mut self, setting: &Setting<'_>) -> Vec<Operation> {
        let Some(paths) = self.root().get(words::PATHS) else {
            let root = self.root();
            if root.get(words::WEBHOOKS).is_none() {
                self.note("paths-missing", root, "the document has no paths", "add `paths`");
            }
            return Vec::new();
        };
        let Some(paths) = self.follow(paths) else {
            self.missing_paths.append(&mut self.missing_here);
            return Vec::new();
        };
        let mut operations = Vec::new();
        for (path, item) in paths.entries() {
            if !path.starts_with('/') {
                let message = format!("the path {:?} does not begin with a slash", clip(path));
                self.warn("path-without-slash", item.at(), message, "begin it with `/`");
            }
            self.path_item(path, item, setting, 0, &mut operations);
        }
        self.twice(&operations);
        operations
    }

    pub(crate) fn webhooks(&mut self, setting: &Setting<'_>) -> Vec<Webhook> {
        let root = self.root();
        let held = root.get(words::WEBHOOKS).or_else(|| root.get(words::X_WEBHOOKS));
        let mut webhooks = Vec::new();
        for (name, item) in held.into_iter().flat_map(Spot::entries) {
            let mut operations = Vec::new();
            self.path_item(name, item, setting, CALLBACKS_DEPTH, &mut operations);
            webhooks.push(Webhook { name: name.to_owned(), operations });
        }
        webhooks
    }

    /// Ids that several operations have.
    fn twice(&mut self, operations: &[Operation]) {
        let mut first: HashMap<&str, At> = HashMap::new();
        for operation in operations {
            let Some(id) = &operation.id else { continue };
            if first.contains_key(id.as_str()) {
                let message = format!("another operation has the id {:?} as well", clip(id));
                let suggestion = "give each operation an id of its own";
                self.warn("duplicate-operation-id", operation.at, message, suggestion);
            } else {
                first.insert(id, operation.at);
            }
        }
    }

    fn path_item(
        &mut self,
        path: &str,
        item: Spot<'t>,
        setting: &Setting<'_>,
        depth: usize,
        operations: &mut Vec<Operation>,
    ) {
        self.missing_here.clear();
        let Some(target) = self.follow(item) else {
            self.missing_paths.append(&mut self.missing_here);
            return;
        };
        // What stands beside a reference comes first.
        let items = if target.at() == item.at() { vec![item] } else { vec![item, target] };
        let mut seen = Vec::new();
        for item in items {
            let more = item.get(words::ADDITIONAL_OPERATIONS).into_iter().flat_map(Spot::entries);
            for (name, node) in item.entries().chain(more) {
                let method = name.to_ascii_lowercase();
                let known = METHODS.contains(&method.as_str())
                    || node.node.parent() != Some(item.node.id()) && !method.is_empty();
                if !known || seen.contains(&method) || !node.node.is_object() {
                    continue;
                }
                if name != method && METHODS.contains(&name.to_ascii_lowercase().as_str()) {
                    let message = format!("the method {:?} must be in small letters", clip(name));
                    self.warn("method-letters", node.at(), message, "write it in small letters");
                }
                let Some(node) = self.follow(node) else { continue };
                seen.push(method.clone());
                operations.push(self.operation(path, method, item, node, setting, depth));
            }
        }
    }

    fn operation(
        &mut self,
        path: &str,
        method: String,
        item: Spot<'t>,
        node: Spot<'t>,
        setting: &Setting<'_>,
        depth: usize,
    ) -> Operation {
        self.missing_here.clear();
        let Parameters { mut plain, body } = self.all_parameters(item, node);
        if depth < CALLBACKS_DEPTH {
            self.match_path(path, node, &mut plain);
        }
        let body = match node.get(words::REQUEST_BODY) {
            Some(body) => self.request_body(body),
            None => body,
        };
        let responses = self.responses(node);
        let servers = self.servers(node).or_else(|| self.servers(item));
        let security = self.requirements(node, setting.schemes);
        let tags = node.get(words::TAGS).into_iter().flat_map(Spot::list);
        let mut tags: Vec<_> = tags.filter_map(|tag| tag.node.scalar()).map(str::to_owned).collect();
        tags.dedup();
        let mut extensions = self.extensions(node);
        let inherited = self.extensions(item);
        extensions.extend(inherited.into_iter().filter(|(name, _)| node.named(name).is_none()));
        let mut missing = std::mem::take(&mut self.missing_here);
        missing.sort();
        missing.dedup();
        let callbacks =
            if depth < CALLBACKS_DEPTH { self.callbacks(node, setting, depth + 1) } else { Vec::new() };
        Operation {
            id: node.text(words::OPERATION_ID).filter(|id| !id.trim().is_empty()).map(str::to_owned),
            method,
            path: path.to_owned(),
            tags,
            summary: self.prose(node, words::SUMMARY).or_else(|| self.prose(item, words::SUMMARY)),
            description: self
                .prose(node, words::DESCRIPTION)
                .or_else(|| self.prose(item, words::DESCRIPTION)),
            external_docs: self.external_docs(node),
            deprecated: node.flag(words::DEPRECATED),
            parameters: plain,
            body,
            responses,
            security: security.unwrap_or_else(|| setting.security.to_vec()),
            servers: servers.unwrap_or_else(|| setting.servers.to_vec()),
            callbacks,
            extensions,
            missing,
            at: node.at(),
        }
    }

    fn callbacks(&mut self, node: Spot<'t>, setting: &Setting<'_>, depth: usize) -> Vec<Callback> {
        let mut callbacks = Vec::new();
        for (name, callback) in node.get(words::CALLBACKS).into_iter().flat_map(Spot::entries) {
            let Some(callback) = self.follow(callback) else { continue };
            for (expression, item) in callback.entries().filter(|(name, _)| *name != "$ref") {
                let mut operations = Vec::new();
                self.path_item(expression, item, setting, depth.max(CALLBACKS_DEPTH), &mut operations);
                callbacks.push(Callback {
                    name: name.to_owned(),
                    expression: expression.to_owned(),
                    operations,
                });
            }
        }
        callbacks
    }

    /// Makes parameters and the names in the path agree.
    fn match_path(&mut self, path: &str, node: Spot<'t>, parameters: &mut Vec<Parameter>) {
        let mut names: Vec<(&str, &str)> = Vec::new();
        let mut rest = path.split_once('?').map_or(path, |(path, _)| path);
        while let Some((_, inner, after)) = next_name(rest) {
            names.push((plain_name(inner).0, inner));
            rest = after;
        }
        let stands = |name: &str| names.iter().any(|(plain, inner)| name == *plain || name == *inner);
        let unused: Vec<_> = parameters
            .iter()
            .filter(|parameter| parameter.place == In::Path && !stands(&parameter.name))
            .map(|parameter| (parameter.at, parameter.name.clone()))
            .collect();
        let described = |name: &(&str, &str)| {
            parameters.iter().any(|p| p.place == In::Path && (p.name == name.0 || p.name == name.1))
        };
        let mut open = names.iter().filter(|name| !described(name));
        if let ([(at, name)], Some((plain, _)), None) = (&unused[..], open.next(), open.next()) {
            // One name without a description and one description without a place are one.
            let message =
                format!("the path says {:?}, its parameter {:?}; they count as one", clip(plain), clip(name));
            self.warn("path-parameter-renamed", *at, message, "use one name");
            let known = parameters.iter_mut().find(|known| known.place == In::Path && known.name == *name);
            known.into_iter().for_each(|known| known.name = (*plain).to_owned());
            return;
        }
        for (at, name) in &unused {
            let message = format!("the parameter {:?} has no place in the path {:?}", clip(name), clip(path));
            self.warn(
                "path-parameter-unused",
                *at,
                message,
                "put it in braces into the path, or take it out",
            );
        }
        parameters.retain(|parameter| parameter.place != In::Path || stands(&parameter.name));
        for (plain, inner) in names {
            let known = parameters
                .iter()
                .any(|known| known.place == In::Path && (known.name == plain || known.name == inner));
            if known || plain.is_empty() {
                continue;
            }
            let message =
                format!("the parameter {:?} of the path is not described; it counts as text", clip(plain));
            self.warn("path-parameter-undescribed", node.at(), message, "describe it with `in: path`");
            let schema = self.made_text(node.at());
            parameters.push(Parameter {
                name: plain.to_owned(),
                place: In::Path,
                required: true,
                deprecated: false,
                description: None,
                schema,
                style: Style::Simple,
                explode: false,
                allow_reserved: false,
                content: None,
                examples: Vec::new(),
                described: false,
                extensions: Vec::new(),
                at: node.at(),
            });
        }
    }

    pub(super) fn broken(
        &mut self,
        code: &'static str,
        spot: Spot<'t>,
        message: impl Into<String>,
        suggestion: &str,
    ) {
        self.say(code, Severity::Error, spot.at(), message, suggestion);
    }
}
