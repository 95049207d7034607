//! Names of methods: what the document calls an operation without repeating the resource, else what method and path say.

use std::collections::HashSet;

use openapi::api::{Api, Operation};

use super::{Group, is_preamble, names_several, unique};
use crate::words::{camel, singular, words};

/// Names that a resource has already or that would make it something else.
const TAKEN: [&str; 8] =
    ["constructor", "client", "then", "toString", "valueOf", "hasOwnProperty", "isPrototypeOf", "__proto__"];

/// Last words of paths that say what is done.
const VERBS: [&str; 66] = [
    "accept",
    "activate",
    "add",
    "apply",
    "approve",
    "archive",
    "assign",
    "cancel",
    "check",
    "clone",
    "close",
    "complete",
    "confirm",
    "connect",
    "copy",
    "count",
    "deactivate",
    "decline",
    "disable",
    "disconnect",
    "download",
    "duplicate",
    "enable",
    "evaluate",
    "execute",
    "export",
    "finalize",
    "import",
    "invite",
    "leave",
    "login",
    "logout",
    "lookup",
    "merge",
    "move",
    "pause",
    "pay",
    "ping",
    "preview",
    "publish",
    "query",
    "read",
    "rebuild",
    "refresh",
    "refund",
    "register",
    "reject",
    "release",
    "remove",
    "render",
    "reset",
    "restart",
    "restore",
    "resume",
    "retry",
    "revoke",
    "rotate",
    "run",
    "search",
    "send",
    "start",
    "stop",
    "submit",
    "sync",
    "validate",
    "verify",
];

/// Gives each operation of a group the name of its method.
pub(crate) fn method_names(api: &Api, group: &mut Group) {
    let mut used: HashSet<String> = TAKEN.iter().map(|name| (*name).to_owned()).collect();
    let group_words = group.words.clone();
    for (index, name) in &mut group.operations {
        let operation = &api.operations[*index];
        let free = candidates(operation, &group_words).into_iter().find(|c| !used.contains(c));
        *name = match free {
            Some(free) => {
                used.insert(free.clone());
                free
            }
            None => unique(&camel(&from_path(operation, &[])), &mut used, ""),
        };
    }
}

/// Names that an operation can have, the best first.
fn candidates(operation: &Operation, group: &[String]) -> Vec<String> {
    let short = from_path(operation, group);
    let long = from_path(operation, &[]);
    let mut found: Vec<Vec<String>> = Vec::new();
    if let Some(said) = operation.id.as_deref().map(|id| said(operation, id)).filter(|said| !said.is_empty())
    {
        if !is_mechanical(operation, &said) {
            found.push(without_group(&said, group));
            found.push(said);
        } else {
            found.extend([short.clone(), long.clone(), said]);
        }
    }
    found.extend([short, long]);
    found.into_iter().filter(|words| !words.is_empty()).map(|words| camel(&words)).collect()
}

/// The words of an `operationId` without what frameworks put around the name of a function.
fn said(operation: &Operation, id: &str) -> Vec<String> {
    // FastAPI: the function, the path and the method.
    let path: String = operation.path.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
    let plain = id
        .strip_suffix(&format!("{path}_{}", operation.method))
        .filter(|rest| !rest.is_empty())
        .unwrap_or(id);
    let mut found = words(plain);
    // NestJS: the class and its function.
    if let Some(place) = found.iter().position(|word| word == "controller")
        && place + 1 < found.len()
    {
        found.drain(..=place);
    }
    found
}

/// Whether an `operationId` says no more than method and path do.
fn is_mechanical(operation: &Operation, said: &[String]) -> bool {
    let segments: Vec<&str> = operation.path.split(['/', '?']).filter(|s| !s.is_empty()).collect();
    let path_words =
        |skip: usize| -> Vec<String> { segments.iter().skip(skip).flat_map(|s| words(s)).collect() };
    let preamble = segments.iter().take_while(|s| is_preamble(s)).count();
    let without_method = [
        said.first().filter(|word| **word == operation.method).map(|_| &said[1..]),
        said.last().filter(|word| **word == operation.method).map(|_| &said[..said.len() - 1]),
    ];
    let said_joined = |rest: &[String]| rest.iter().filter(|w| *w != "by").cloned().collect::<String>();
    without_method.into_iter().flatten().any(|rest| {
        let rest = said_joined(rest);
        (0..=preamble).any(|skip| path_words(skip).concat() == rest)
    })
}

/// Words without the group's where they come first (`pets_list`) or after the verb (`listPets`, `getPetById`).
fn without_group(said: &[String], group: &[String]) -> Vec<String> {
    for place in [1, 0] {
        let Some(found) = said.get(place..place + group.len()) else { continue };
        if found.iter().zip(group).all(|(a, b)| singular(a) == singular(b)) {
            let rest: Vec<String> =
                said[..place].iter().chain(&said[place + group.len()..]).cloned().collect();
            let preposition = rest
                .first()
                .is_some_and(|w| matches!(w.as_str(), "by" | "for" | "in" | "of" | "from" | "with"));
            if !rest.is_empty() && !preposition {
                return rest;
            }
        }
    }
    said.to_vec()
}

/// What method and path say: a verb, and what it is done to. Words of the group at the beginning are left out.
fn from_path(operation: &Operation, group: &[String]) -> Vec<String> {
    let path = operation.path.split('?').next().unwrap_or_default();
    let segments: Vec<&str> = path.split('/').filter(|s| !s.is_empty()).collect();
    let preamble = segments.iter().take_while(|s| is_preamble(s)).count();
    // The rest of a path that is all preamble is the path itself.
    let segments = if preamble < segments.len() { &segments[preamble..] } else { &segments[..] };
    let ends_in_name = segments.last().is_some_and(|s| !s.contains('{'));
    let fixed: Vec<Vec<String>> =
        segments.iter().filter(|s| !s.contains('{')).map(|s| words(s)).filter(|w| !w.is_empty()).collect();
    let last = fixed.last().cloned().unwrap_or_default();
    let several = ends_in_name && names_several(&last);
    let act = last.len() == 1 && VERBS.contains(&last[0].as_str());
    let verb = match operation.method.as_str() {
        "get" if several => "list",
        "post" if !several && ends_in_name && segments.len() > 1 => "",
        "post" if ends_in_name || segments.is_empty() => "create",
        "post" | "patch" => "update",
        "put" => "replace",
        "head" => "check",
        other => other,
    };
    let verb =
        if act && ends_in_name && matches!(operation.method.as_str(), "get" | "post") { "" } else { verb };
    let mut nouns: Vec<String> = Vec::new();
    for (index, name) in fixed.iter().enumerate() {
        let is_last = index + 1 == fixed.len();
        let one = !is_last || verb != "list" && !verb.is_empty();
        let mut name = name.clone();
        if one && let Some(word) = name.last_mut() {
            *word = singular(word);
        }
        nouns.extend(name);
    }
    let fits = !group.is_empty()
        && nouns.len() >= group.len()
        && nouns.iter().zip(group).all(|(a, b)| singular(a) == singular(b));
    if fits {
        nouns.drain(..group.len());
    }
    let verb = if verb.is_empty() && nouns.is_empty() { operation.method.as_str() } else { verb };
    // What is done comes first: `customers/{id}/sources/verify` is `verifySource`.
    if act
        && verb.is_empty()
        && nouns.len() > 1
        && let Some(done) = nouns.pop()
    {
        nouns.insert(0, done);
    }
    std::iter::once(verb.to_owned()).filter(|v| !v.is_empty()).chain(nouns).collect()
}
