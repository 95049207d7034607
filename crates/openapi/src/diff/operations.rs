//! Changes of operations, their parameters, bodies and responses.

use std::collections::{HashMap, HashSet};

use super::{Differ, Impact, named};
use crate::api::{Api, Body, Content, In, Operation, Parameter, Requirement, Response, Status, next_name};
use crate::check::Way;

impl<'a> Differ<'a> {
    pub(super) fn operations(&mut self) {
        let (old, new) = (self.old, self.new);
        let mut index: HashMap<(String, String), &'a Operation> = HashMap::new();
        let mut by_id: HashMap<&str, &'a Operation> = HashMap::new();
        for operation in &new.operations {
            index.entry(key(operation)).or_insert(operation);
            if let Some(id) = &operation.id {
                by_id.entry(id).or_insert(operation);
            }
        }
        let known: HashSet<_> = old.operations.iter().map(key).collect();
        for operation in &old.operations {
            self.operation = Some(named(operation));
            match index.get(&key(operation)) {
                Some(same) => self.pair(operation, same),
                None => {
                    let moved = operation.id.as_deref().and_then(|id| by_id.get(id));
                    let moved = moved.filter(|other| !known.contains(&key(other)));
                    let message = match moved {
                        Some(other) => format!("the operation is at {} now", named(other)),
                        None if operation.deprecated => "the operation, long deprecated, is gone".to_owned(),
                        None => "the operation is gone".to_owned(),
                    };
                    let code = if moved.is_some() { "operation-moved" } else { "operation-removed" };
                    self.tell(code, Impact::Breaking, "", (Some(operation.at), moved.map(|o| o.at)), message);
                }
            }
        }
        for operation in new.operations.iter().filter(|operation| !known.contains(&key(operation))) {
            self.operation = Some(named(operation));
            let message = "the operation is new".to_owned();
            self.tell("operation-added", Impact::Addition, "", (None, Some(operation.at)), message);
        }
        self.operation = None;
    }

    fn pair(&mut self, old: &Operation, new: &Operation) {
        let ats = (Some(old.at), Some(new.at));
        if old.id != new.id {
            let id = |operation: &Operation| operation.id.clone().unwrap_or_else(|| "none".to_owned());
            let message =
                format!("its id changed from {} to {}: packages name its method otherwise", id(old), id(new));
            self.tell("operation-id-changed", Impact::Breaking, "", ats, message);
        }
        if old.tags.first() != new.tags.first() {
            let tag =
                |operation: &Operation| operation.tags.first().cloned().unwrap_or_else(|| "none".to_owned());
            let message = format!(
                "its first tag changed from {} to {}: packages may group it otherwise",
                tag(old),
                tag(new)
            );
            self.tell("operation-tag-changed", Impact::Caution, "", ats, message);
        }
        match (old.deprecated, new.deprecated) {
            (false, true) => self.tell(
                "operation-deprecated",
                Impact::Addition,
                "",
                ats,
                "it is deprecated now".to_owned(),
            ),
            (true, false) => {
                let message = "it is no longer deprecated".to_owned();
                self.tell("operation-undeprecated", Impact::Addition, "", ats, message);
            }
            _ => {}
        }
        if old.summary != new.summary || old.description != new.description {
            let message = "its description changed".to_owned();
            self.tell("operation-described", Impact::Documentation, "", ats, message);
        }
        self.parameters(old, new);
        self.bodies(old, new);
        self.responses(old, new);
        self.security(old, new);
    }

    fn parameters(&mut self, old: &Operation, new: &Operation) {
        let renamed = renamed(old, new);
        let of = |parameter: &Parameter| {
            let name = renamed.get(parameter.name.as_str()).filter(|_| parameter.place == In::Path);
            let name = name.map_or(parameter.name.as_str(), |name| *name).to_owned();
            let same = new.parameters.iter().find(|other| {
                other.place == parameter.place
                    && (other.name == name
                        || parameter.place == In::Header && other.name.eq_ignore_ascii_case(&parameter.name))
            });
            same.cloned()
        };
        let mut found = Vec::new();
        for parameter in &old.parameters {
            let place = placed(parameter);
            match of(parameter) {
                None => {
                    let elsewhere = new.parameters.iter().any(|other| other.name == parameter.name);
                    let (code, message) = if elsewhere {
                        ("parameter-moved", "the parameter stands elsewhere now")
                    } else {
                        ("parameter-removed", "the parameter is gone")
                    };
                    self.tell(code, Impact::Breaking, &place, (Some(parameter.at), None), message.to_owned());
                }
                Some(same) => {
                    found.push((same.place, same.name.clone()));
                    self.parameter(parameter, &same, &place);
                }
            }
        }
        for parameter in &new.parameters {
            if found.contains(&(parameter.place, parameter.name.clone())) {
                continue;
            }
            let ats = (None, Some(parameter.at));
            if parameter.required {
                let message = "a parameter is new and required".to_owned();
                self.tell("required-parameter-added", Impact::Breaking, &placed(parameter), ats, message);
            } else {
                let message = "an optional parameter is new".to_owned();
                self.tell("parameter-added", Impact::Addition, &placed(parameter), ats, message);
            }
        }
    }

    fn parameter(&mut self, old: &Parameter, new: &Parameter, place: &str) {
        let ats = (Some(old.at), Some(new.at));
        if old.name != new.name && old.place == In::Path {
            let message = format!("the parameter is called {:?} now; requests stay the same", new.name);
            self.tell("path-parameter-renamed", Impact::Caution, place, ats, message);
        }
        match (old.required, new.required) {
            (false, true) => {
                self.tell(
                    "parameter-became-required",
                    Impact::Breaking,
                    place,
                    ats,
                    "it is required now".to_owned(),
                );
            }
            (true, false) => {
                self.tell(
                    "parameter-became-optional",
                    Impact::Addition,
                    place,
                    ats,
                    "it is optional now".to_owned(),
                );
            }
            _ => {}
        }
        if !old.deprecated && new.deprecated {
            self.tell(
                "parameter-deprecated",
                Impact::Addition,
                place,
                ats,
                "it is deprecated now".to_owned(),
            );
        }
        let written = |parameter: &Parameter| (parameter.style, parameter.explode, parameter.content.clone());
        if written(old) != written(new) {
            let message = "it is written otherwise (style, explode or media type)".to_owned();
            self.tell("parameter-style-changed", Impact::Breaking, place, ats, message);
        }
        let (before, after) = (&self.old.schema(old.schema).default, &self.new.schema(new.schema).default);
        if before != after {
            let message = "what it is when it is absent changed".to_owned();
            self.tell("parameter-default-changed", Impact::Caution, place, ats, message);
        }
        self.schema(old.schema, new.schema, Way::Request, place);
    }

    fn bodies(&mut self, old: &Operation, new: &Operation) {
        match (&old.body, &new.body) {
            (None, None) => {}
            (Some(body), None) => {
                let message = "it takes no body any more".to_owned();
                self.tell("body-removed", Impact::Breaking, "body", (Some(body.at), None), message);
            }
            (None, Some(body)) => {
                let ats = (None, Some(body.at));
                if body.required {
                    self.tell(
                        "required-body-added",
                        Impact::Breaking,
                        "body",
                        ats,
                        "it needs a body now".to_owned(),
                    );
                } else {
                    self.tell("body-added", Impact::Addition, "body", ats, "it takes a body now".to_owned());
                }
            }
            (Some(old), Some(new)) => self.body(old, new),
        }
    }

    fn body(&mut self, old: &Body, new: &Body) {
        let ats = (Some(old.at), Some(new.at));
        match (old.required, new.required) {
            (false, true) => {
                self.tell(
                    "body-became-required",
                    Impact::Breaking,
                    "body",
                    ats,
                    "it is required now".to_owned(),
                );
            }
            (true, false) => {
                self.tell(
                    "body-became-optional",
                    Impact::Addition,
                    "body",
                    ats,
                    "it is optional now".to_owned(),
                );
            }
            _ => {}
        }
        self.contents(&old.contents, &new.contents, Way::Request, "body", ats);
    }

    fn contents(
        &mut self,
        old: &[Content],
        new: &[Content],
        way: Way,
        place: &str,
        ats: (Option<crate::api::At>, Option<crate::api::At>),
    ) {
        let essence = |content: &Content| {
            content.media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
        };
        for content in old {
            let Some(same) = new.iter().find(|other| essence(other) == essence(content)) else {
                let message = format!("the media type {} is gone", content.media_type);
                self.tell("media-type-removed", Impact::Breaking, place, ats, message);
                continue;
            };
            let schemas = (content.schema.or(content.item_schema), same.schema.or(same.item_schema));
            if let (Some(before), Some(after)) = schemas {
                self.schema(before, after, way, &format!("{place}: "));
            }
        }
        for content in
            new.iter().filter(|content| !old.iter().any(|other| essence(other) == essence(content)))
        {
            let message = format!("the media type {} is new", content.media_type);
            self.tell("media-type-added", Impact::Addition, place, ats, message);
        }
    }

    fn responses(&mut self, old: &Operation, new: &Operation) {
        let of = |operation: &'_ Operation, status: Status| -> Option<Response> {
            operation.responses.iter().find(|response| response.status == status).cloned()
        };
        for response in &old.responses {
            let place = format!("response {}", said(response.status));
            match of(new, response.status) {
                None => {
                    let impact =
                        if response.status.is_success() { Impact::Breaking } else { Impact::Caution };
                    let message = "the response is gone".to_owned();
                    self.tell("response-removed", impact, &place, (Some(response.at), None), message);
                }
                Some(same) => {
                    let ats = (Some(response.at), Some(same.at));
                    self.contents(&response.contents, &same.contents, Way::Response, &place, ats);
                    if !response.contents.is_empty() && same.contents.is_empty() {
                        continue;
                    }
                    self.headers(response, &same, &place);
                }
            }
        }
        for response in &new.responses {
            if of(old, response.status).is_none() {
                let place = format!("response {}", said(response.status));
                let impact = if response.status.is_success() { Impact::Caution } else { Impact::Addition };
                self.tell(
                    "response-added",
                    impact,
                    &place,
                    (None, Some(response.at)),
                    "the response is new".to_owned(),
                );
            }
        }
    }

    fn headers(&mut self, old: &Response, new: &Response, place: &str) {
        let ats = (Some(old.at), Some(new.at));
        for header in &old.headers {
            match new.headers.iter().find(|other| other.name.eq_ignore_ascii_case(&header.name)) {
                None => {
                    let message = format!("the header {} is gone", header.name);
                    let impact = if header.required { Impact::Breaking } else { Impact::Caution };
                    self.tell("response-header-removed", impact, place, ats, message);
                }
                Some(same) => {
                    self.schema(
                        header.schema,
                        same.schema,
                        Way::Response,
                        &format!("{place}: header {} ", header.name),
                    );
                }
            }
        }
    }

    /// What must be proven: each way that was enough must still be.
    fn security(&mut self, old: &Operation, new: &Operation) {
        let ats = (Some(old.at), Some(new.at));
        let free = |operation: &Operation| {
            operation.security.is_empty() || operation.security.iter().any(|one| one.schemes.is_empty())
        };
        if free(new) {
            if !free(old) {
                let message = "nothing need be proven any more".to_owned();
                self.tell("security-removed", Impact::Addition, "", ats, message);
            }
            return;
        }
        if free(old) {
            let message = "callers must prove who they are now".to_owned();
            self.tell("security-added", Impact::Breaking, "", ats, message);
            return;
        }
        let (before, after) = (self.old, self.new);
        for one in &old.security {
            let wanted = names(before, one);
            // Less than before is enough as well.
            let enough = |other: &Requirement| {
                names(after, other).iter().all(|(name, scopes)| {
                    wanted
                        .iter()
                        .any(|(known, held)| known == name && scopes.iter().all(|scope| held.contains(scope)))
                })
            };
            if !new.security.iter().any(enough) {
                let schemes: Vec<_> = wanted.iter().map(|(name, _)| name.as_str()).collect();
                let message = format!("{} is not enough any more", schemes.join(" and "));
                self.tell("security-tightened", Impact::Breaking, "", ats, message);
            }
        }
    }
}

fn names(api: &Api, requirement: &Requirement) -> Vec<(String, Vec<String>)> {
    let name = |at: usize| api.security_schemes.get(at).map(|scheme| scheme.name.clone()).unwrap_or_default();
    requirement.schemes.iter().map(|(at, scopes)| (name(*at), scopes.clone())).collect()
}

/// Method and path without the names of parameters.
fn key(operation: &Operation) -> (String, String) {
    let mut path = String::new();
    let mut rest = operation.path.as_str();
    while let Some((before, _, after)) = next_name(rest) {
        path.push_str(before);
        path.push_str("{}");
        rest = after;
    }
    (operation.method.clone(), path + rest.trim_end_matches('/'))
}

/// Names in the path that stand where others stood.
fn renamed<'o>(old: &'o Operation, new: &'o Operation) -> HashMap<&'o str, &'o str> {
    let names = |operation: &'o Operation| {
        let mut names = Vec::new();
        let mut rest = operation.path.as_str();
        while let Some((_, inner, after)) = next_name(rest) {
            names.push(crate::api::plain_name(inner).0);
            rest = after;
        }
        names
    };
    names(old).into_iter().zip(names(new)).collect()
}

fn placed(parameter: &Parameter) -> String {
    let place = match parameter.place {
        In::Path => "path",
        In::Query => "query",
        In::Header => "header",
        In::Cookie => "cookie",
        In::QueryString => "query string",
    };
    format!("{place} parameter {}", parameter.name)
}

fn said(status: Status) -> String {
    match status {
        Status::Exact(code) => code.to_string(),
        Status::Range(hundred) => format!("{hundred}XX"),
        Status::Default => "default".to_owned(),
    }
}
