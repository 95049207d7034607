//! Names of resources, methods and types. A name depends on what it names and not on its neighbours, unless they collide;
//! then the first in the document keeps it, so that what is added at the end renames nothing.

mod method;

use std::collections::{HashMap, HashSet};

use openapi::api::{Api, Operation, SchemaId};

use crate::words::{camel, is_plural, kebab, pascal, screaming, type_name, words};

pub(crate) use method::method_names;

/// Types and values that generated files use or that the package exports: no schema may take these names.
const TAKEN: [&str; 89] = [
    "AbortController",
    "AbortError",
    "AbortSignal",
    "ApiError",
    "ApiPromise",
    "Array",
    "ArrayBuffer",
    "AsyncGenerator",
    "AsyncIterable",
    "Authenticator",
    "Authenticators",
    "AxiosInstance",
    "BadRequestError",
    "BigInt",
    "Blob",
    "Body",
    "Boolean",
    "BufferSource",
    "CheckedPart",
    "Client",
    "ClientConfig",
    "ClientOptions",
    "ConflictError",
    "ConnectionError",
    "Credential",
    "Date",
    "Error",
    "Exchange",
    "FailedRequest",
    "File",
    "ForbiddenError",
    "FormData",
    "Function",
    "HeaderValues",
    "Headers",
    "Hooks",
    "InternalServerError",
    "JSON",
    "Map",
    "Math",
    "NotFoundError",
    "Number",
    "OAuthClient",
    "OAuthError",
    "Object",
    "Omit",
    "PagePromise",
    "Pages",
    "Partial",
    "Pick",
    "Promise",
    "PromiseLike",
    "RateLimit",
    "RateLimitError",
    "ReadableStream",
    "Readonly",
    "Record",
    "RefreshOptions",
    "RegExp",
    "Request",
    "RequestError",
    "RequestOptions",
    "Required",
    "Resource",
    "Response",
    "ResponseFormatError",
    "Result",
    "RetryPolicy",
    "SchemaError",
    "SchemaIssue",
    "Security",
    "ServerSentEvent",
    "Set",
    "SignatureError",
    "SignedCall",
    "StandardSchema",
    "Stream",
    "StreamPromise",
    "String",
    "Symbol",
    "TimeoutError",
    "TokenSource",
    "Tokens",
    "URL",
    "UnauthorizedError",
    "UnprocessableEntityError",
    "Upload",
    "WithResponse",
    "globalThis",
];

/// The name of an API in all its forms.
#[derive(Clone, Debug)]
pub(crate) struct ApiName {
    /// `Swagger Petstore`: for people.
    pub(crate) title: String,
    /// `Petstore`: the class.
    pub(crate) class: String,
    /// `petstore`: a variable that holds a client.
    pub(crate) variable: String,
    /// `petstore`: the package, unless told otherwise.
    pub(crate) package: String,
    /// `PETSTORE`: what variables of the environment begin with.
    pub(crate) environment: String,
}

impl ApiName {
    /// From the title, without what says nothing of the API, or from what the caller says.
    pub(crate) fn of(title: &str, given: Option<&str>) -> Self {
        const EMPTY: [&str; 16] = [
            "api",
            "apis",
            "openapi",
            "swagger",
            "rest",
            "restful",
            "specification",
            "spec",
            "the",
            "definition",
            "reference",
            "documentation",
            "oas",
            "oas3",
            "http",
            "public",
        ];
        let source = given.map_or(title, |name| name.rsplit('/').next().unwrap_or(name));
        let all: Vec<String> = words(source).into_iter().filter(|w| w.is_ascii()).collect();
        let is_version = |w: &String| {
            w.chars().all(|c| c.is_ascii_digit())
                || w.strip_prefix('v').is_some_and(|v| !v.is_empty() && v.chars().all(|c| c.is_ascii_digit()))
        };
        let mut kept: Vec<String> =
            all.iter().filter(|w| !EMPTY.contains(&w.as_str()) && !is_version(w)).take(5).cloned().collect();
        if kept.is_empty() {
            kept = if all.is_empty() { vec!["api".to_owned()] } else { all };
        }
        let mut class = pascal(&kept);
        if TAKEN.contains(&class.as_str()) || class.starts_with('_') {
            class = format!("Api{}", class.trim_start_matches('_'));
        }
        let title = if title.trim().is_empty() {
            class.clone()
        } else {
            title.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        let mut variable = camel(&words(&class));
        if crate::words::is_reserved(&variable) {
            variable.push_str("Client");
        }
        Self { title, variable, package: kebab(&kept), environment: screaming(&kept), class }
    }
}

/// A group of operations and what it is called.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    /// The tag, or the words of the path.
    pub(crate) words: Vec<String>,
    /// `petStore`: where a client has it.
    pub(crate) property: String,
    /// `PetStoreResource`: its class.
    pub(crate) class: String,
    /// `PetStore`: what names of its types begin with.
    pub(crate) prefix: String,
    /// `pet-store`: its file.
    pub(crate) file: String,
    /// Markdown.
    pub(crate) description: Option<String>,
    /// Places in [`Api::operations`], with the names of their methods.
    pub(crate) operations: Vec<(usize, String)>,
}

/// Groups operations by their first tag, or where there is none by the first word of their path.
pub(crate) fn groups(api: &Api) -> Vec<Group> {
    let mut found: Vec<Group> = Vec::new();
    let mut by_property: HashMap<String, usize> = HashMap::new();
    for (index, operation) in api.operations.iter().enumerate() {
        let tag = operation.tags.iter().find(|tag| !words(tag).is_empty());
        let group_words = tag.map_or_else(|| path_group(operation), |tag| words(tag));
        let mut property = camel(&group_words);
        if matches!(
            property.as_str(),
            "constructor" | "request" | "exchange" | "then" | "toString" | "prototype"
        ) {
            property.push_str("Api");
        }
        let place = *by_property.entry(property.clone()).or_insert_with(|| {
            let described = tag.and_then(|tag| api.tags.iter().find(|known| known.name == *tag));
            let prefix = pascal(&group_words);
            found.push(Group {
                class: format!("{prefix}Resource"),
                file: kebab(&group_words),
                prefix,
                property,
                words: group_words,
                description: described.and_then(|tag| tag.description.clone()),
                operations: Vec::new(),
            });
            found.len() - 1
        });
        found[place].operations.push((index, String::new()));
    }
    let mut files = HashSet::new();
    for group in &mut found {
        group.file = unique(&group.file, &mut files, "-");
        method_names(api, group);
    }
    found
}

/// Whether a segment of a path says nothing of what is behind it: versions and the word API.
pub(crate) fn is_preamble(segment: &str) -> bool {
    let small = segment.to_ascii_lowercase();
    let version = small.strip_prefix('v').unwrap_or(&small);
    matches!(small.as_str(), "api" | "apis" | "rest" | "latest" | "public")
        || (!version.is_empty()
            && version.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | '-' | '_')))
        || (version.starts_with(|c: char| c.is_ascii_digit())
            && ["alpha", "beta"].iter().any(|stage| version.contains(stage)))
}

fn path_group(operation: &Operation) -> Vec<String> {
    let path = operation.path.split('?').next().unwrap_or_default();
    let segments = || path.split('/').filter(|s| !s.is_empty() && !s.contains('{'));
    let first = segments().find(|s| !is_preamble(s)).or_else(|| segments().next());
    let found = first.map(|s| words(s.split('.').next().unwrap_or(s))).unwrap_or_default();
    if found.is_empty() { vec!["api".to_owned()] } else { found }
}

/// Names of types; each is given once.
#[derive(Debug, Default)]
pub(crate) struct TypeNames {
    used: HashSet<String>,
    /// What the type of each named schema is called.
    pub(crate) models: HashMap<SchemaId, String>,
}

impl TypeNames {
    /// Names every named schema. A schema whose name is an identifier has the first claim to it.
    pub(crate) fn of(api: &Api, class: &str, groups: &[Group]) -> Self {
        let mut names = Self::default();
        names.used.extend(TAKEN.iter().map(|name| (*name).to_owned()));
        names.used.extend([
            class.to_owned(),
            format!("{class}Options"),
            "configure".to_owned(),
            "SERVERS".to_owned(),
        ]);
        names.used.extend(groups.iter().map(|group| group.class.clone()));
        let written = |id: SchemaId| api.schema(id).name.as_deref().unwrap_or_default();
        for exact in [true, false] {
            for &id in api.named() {
                let plain = type_name(written(id));
                if (plain == written(id)) == exact {
                    let name = names.claim(&plain, "Model");
                    names.models.insert(id, name);
                }
            }
        }
        names
    }

    /// A name that nothing else has: the wished one, else with the suffix, else with a number.
    pub(crate) fn claim(&mut self, wished: &str, suffix: &str) -> String {
        let wished = if wished.is_empty() { "Unnamed" } else { wished };
        if self.used.insert(wished.to_owned()) {
            return wished.to_owned();
        }
        if !suffix.is_empty() {
            let longer = format!("{wished}{suffix}");
            if self.used.insert(longer.clone()) {
                return longer;
            }
        }
        unique(wished, &mut self.used, "")
    }
}

/// The name, or the name with the first number that nothing else has.
pub(crate) fn unique(name: &str, used: &mut HashSet<String>, between: &str) -> String {
    let mut candidate = name.to_owned();
    let mut number = 1;
    while !used.insert(candidate.clone()) {
        number += 1;
        candidate = format!("{name}{between}{number}");
    }
    candidate
}

/// Whether the last word of a path speaks of several things.
pub(crate) fn names_several(found: &[String]) -> bool {
    found.last().is_some_and(|word| is_plural(word))
}
