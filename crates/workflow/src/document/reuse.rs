//! What a document defines once and uses by name (`use`), and what it takes from elsewhere: functions of catalogs and
//! schemas. Nothing is fetched here: what is not given is named.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Reader, shape};
use crate::definition::{Extension, TaskIndex};
use crate::yaml::{self, Entry, Fields, Located, Node, ParseError, at};

/// Task types that an extension can extend (schema, `extension`).
const EXTENDED: [&str; 12] =
    ["call", "composite", "emit", "for", "listen", "raise", "run", "set", "switch", "try", "wait", "all"];

/// Version of the functions of our own catalog.
const OWN_VERSION: &str = "1.0.0";

/// Texts that a document takes from elsewhere, by URI.
pub type Resources = BTreeMap<String, String>;

/// Something a document takes from elsewhere.
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    /// Where it is.
    pub uri: String,
    /// What it is.
    pub kind: ResourceKind,
    /// How to get in, as in the document; an authentication `use` names a secret.
    pub authentication: Option<Value>,
    /// Line that asks for it, from 1.
    pub line: u32,
    /// Column that asks for it, from 1.
    pub column: u32,
}

/// What a resource is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResourceKind {
    /// The definition of a function: YAML of one task.
    Function,
    /// A JSON Schema, as JSON or YAML.
    Schema,
}

impl ResourceKind {
    fn name(self) -> &'static str {
        match self {
            Self::Function => "function",
            Self::Schema => "schema",
        }
    }
}

/// Parts of `use` that tasks refer to by name.
#[derive(Default)]
pub(super) struct Reusable<'a> {
    pub(super) errors: Vec<(&'a str, &'a Located)>,
    pub(super) retries: Vec<(&'a str, &'a Located)>,
    pub(super) timeouts: Vec<(&'a str, &'a Located)>,
    pub(super) authentications: Vec<(&'a str, &'a Located)>,
    pub(super) catalogs: Vec<(&'a str, &'a Located)>,
    pub(super) functions: Vec<&'a Entry>,
    /// Names of the secrets that may be used.
    pub(super) secrets: Vec<&'a str>,
    pub(super) extensions: Option<&'a Located>,
}

impl<'a> Reusable<'a> {
    pub(super) fn read(file: &'a str, place: &'a Located) -> Result<Self, ParseError> {
        let mut fields = Fields::open(file, "`use`", place)?;
        let mut entries = |key: &'static str| -> Result<&'a [Entry], ParseError> {
            let Some(place) = fields.get(key) else { return Ok(&[]) };
            match &place.value {
                Node::Mapping(entries) => Ok(entries),
                other => {
                    Err(at(file, place, format!("`{key}` must be a mapping of names, not {}", other.kind())))
                }
            }
        };
        let mut named = |key: &'static str| -> Result<Vec<(&'a str, &'a Located)>, ParseError> {
            Ok(entries(key)?.iter().map(|e| (e.key.as_str(), &e.value)).collect())
        };
        let (errors, retries, timeouts) = (named("errors")?, named("retries")?, named("timeouts")?);
        let (authentications, catalogs) = (named("authentications")?, named("catalogs")?);
        let functions = entries("functions")?.iter().collect();
        let secrets = fields.get("secrets").map(|p| secrets(file, p)).transpose()?.unwrap_or_default();
        let extensions = fields.get("extensions");
        fields.finish()?;
        Ok(Self { errors, retries, timeouts, authentications, catalogs, functions, secrets, extensions })
    }
}

fn secrets<'a>(file: &str, place: &'a Located) -> Result<Vec<&'a str>, ParseError> {
    let mut names = Vec::new();
    for item in yaml::list(file, "`secrets`", place)? {
        let name = yaml::text(file, "the name of a secret", item)?;
        let fine = (1..=128).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
        if !fine {
            let message = "the name of a secret must have 1 to 128 letters, digits, `_`, `.` or `-`";
            return Err(at(file, item, message));
        }
        names.push(name);
    }
    Ok(names)
}

impl<'a> Reader<'a> {
    /// Reads what is defined for reuse even where nothing uses it, so that a mistake in it is found.
    pub(super) fn check_reusable(&mut self) -> Result<(), ParseError> {
        for (name, place) in self.reusable.authentications.clone() {
            self.policy(place, &format!("authentication `{}`", yaml::clip(name)))?;
        }
        for (_, place) in self.reusable.retries.clone() {
            super::data::retry(self, place)?;
        }
        for (_, place) in self.reusable.timeouts.clone() {
            self.timeout(place)?;
        }
        for (_, place) in self.reusable.errors.clone() {
            super::data::raised(self, place)?;
        }
        for (name, place) in self.reusable.catalogs.clone() {
            self.shaped(
                place,
                shape::Shape::Object(&shape::CATALOG),
                &format!("catalog `{}`", yaml::clip(name)),
            )?;
        }
        for entry in self.reusable.functions.clone() {
            self.own_function(entry)?;
        }
        Ok(())
    }

    /// The task behind a function of `use.functions`.
    fn own_function(&mut self, entry: &'a Entry) -> Result<TaskIndex, ParseError> {
        if let Some(known) = self.functions.get(&entry.key) {
            return Ok(*known);
        }
        let index = self.reserve();
        self.functions.insert(entry.key.clone(), index);
        let scope = std::mem::take(&mut self.scope);
        self.task_at(index, entry, "/use/functions", &[])?;
        self.scope = scope;
        Ok(index)
    }

    /// The task behind a call that is no function of the standard: of `use.functions`, of a catalog, or at a URI.
    /// None when it is a function of the driver.
    pub(super) fn custom_function(
        &mut self,
        place: &'a Located,
        name: &'a str,
    ) -> Result<Option<TaskIndex>, ParseError> {
        if let Some(entry) = self.reusable.functions.iter().copied().find(|e| e.key == name) {
            return self.own_function(entry).map(Some);
        }
        let Some((uri, authentication)) = self.function_uri(place, name)? else { return Ok(None) };
        if let Some(known) = self.functions.get(&uri) {
            return Ok(Some(*known));
        }
        let index = self.reserve();
        let (uri, located) = match self.resource(place, uri.clone(), ResourceKind::Function, authentication) {
            Some(found) => found,
            None => {
                self.functions.insert(uri, index);
                return Ok(Some(index));
            }
        };
        self.functions.insert(uri.to_owned(), index);
        let path = format!("/{}", yaml_pointer(name));
        self.parts.push((path.clone(), located.to_json()));
        let part = std::mem::replace(&mut self.part, self.parts.len());
        // A function of a catalog knows nothing of the document that calls it.
        let file = std::mem::replace(&mut self.file, uri);
        let scope = std::mem::take(&mut self.scope);
        let reusable = std::mem::take(&mut self.reusable);
        let loose = std::mem::replace(&mut self.loose, false);
        self.task_of(index, name, located, path, &[])?;
        (self.part, self.file, self.scope, self.reusable, self.loose) = (part, file, scope, reusable, loose);
        Ok(Some(index))
    }

    /// The name without the catalog when that is our own, `default`: its functions are those the server offers,
    /// all in version 1.0.0.
    pub(super) fn own_catalog(&self, place: &Located, name: &'a str) -> Result<&'a str, ParseError> {
        let own = name.strip_suffix("@default").and_then(|n| n.split_once(':'));
        let Some((function, version)) = own else { return Ok(name) };
        if self.reusable.catalogs.iter().any(|(n, _)| *n == "default") {
            return Ok(name);
        }
        if version != OWN_VERSION {
            let message = format!("the catalog `default` has its functions in version {OWN_VERSION} only");
            return Err(at(self.file, place, message));
        }
        Ok(function)
    }

    /// Where the definition of a function is, when the name says so: a URI, or `name:version@catalog`.
    fn function_uri(
        &self,
        place: &Located,
        name: &str,
    ) -> Result<Option<(String, Option<Value>)>, ParseError> {
        if shape::has_scheme(name) {
            return Ok(Some((raw_uri(&with_file(name)), None)));
        }
        let Some((function, catalog)) = name.split_once('@') else { return Ok(None) };
        let plain = |text: &str| {
            !text.is_empty()
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.+".contains(&b))
                && text != ".."
        };
        let Some((function, version)) = function.split_once(':').filter(|(f, v)| plain(f) && plain(v)) else {
            return Err(at(self.file, place, "a function of a catalog is called as `name:version@catalog`"));
        };
        let known = &self.reusable.catalogs;
        let Some((_, definition)) = known.iter().find(|(n, _)| *n == catalog) else {
            let names = known.iter().map(|(n, _)| *n).chain(["default"]);
            let hint = yaml::suggest(catalog, names).map_or_else(
                || "define it under `use.catalogs`".to_owned(),
                |s| format!("did you mean `{s}`?"),
            );
            let message = format!("there is no catalog `{}`; {hint}", yaml::clip(catalog));
            return Err(at(self.file, place, message));
        };
        let mut fields = Fields::open(self.file, "a catalog", definition)?;
        let (root, authentication) = self.endpoint(fields.require("endpoint")?, "`endpoint` of a catalog")?;
        let uri = format!("{}/functions/{function}/{version}/function.yaml", root.trim_end_matches('/'));
        Ok(Some((raw_uri(&uri), authentication)))
    }

    /// URI and authentication of an endpoint that is needed before there is a run.
    fn endpoint(&self, place: &'a Located, what: &str) -> Result<(String, Option<Value>), ParseError> {
        let fixed = |place: &Located| -> Result<String, ParseError> {
            let text = yaml::text(self.file, what, place)?;
            if shape::has_scheme(text) && !text.contains(['{', '}']) {
                return Ok(text.to_owned());
            }
            Err(at(self.file, place, format!("{what} must be a fixed URI: there is no run yet to ask")))
        };
        if !matches!(place.value, Node::Mapping(_)) {
            return Ok((fixed(place)?, None));
        }
        let mut fields = Fields::open(self.file, what, place)?;
        let uri = fixed(fields.require("uri")?)?;
        let Some(policy) = fields.get("authentication") else { return Ok((uri, None)) };
        let named = Fields::open(self.file, "an authentication", policy)?.text("use")?;
        let policy = match named {
            Some(name) => {
                let known = self.reusable.authentications.iter().find(|(n, _)| *n == name);
                known.map_or(policy, |(_, p)| *p)
            }
            None => policy,
        };
        let json = policy.to_json();
        if json.to_string().contains("${") {
            return Err(at(
                self.file,
                policy,
                format!("the authentication of {what} cannot depend on a run; use a secret"),
            ));
        }
        Ok((uri, Some(json)))
    }

    /// A schema that is kept elsewhere, as it came; null while it is missing.
    pub(super) fn external_schema(&mut self, place: &'a Located) -> Result<Value, ParseError> {
        self.shaped(place, shape::Shape::Resource, "`resource`")?;
        let endpoint = Fields::open(self.file, "`resource`", place)?.require("endpoint")?;
        let (uri, authentication) = self.endpoint(endpoint, "`endpoint` of a schema")?;
        let found = self.resource(place, raw_uri(&uri), ResourceKind::Schema, authentication);
        Ok(found.map_or(Value::Bool(true), |(_, located)| located.to_json()))
    }

    /// A resource, when it was given; otherwise it is noted as missing.
    fn resource(
        &mut self,
        place: &Located,
        uri: String,
        kind: ResourceKind,
        authentication: Option<Value>,
    ) -> Option<(&'a str, &'a Located)> {
        if let Some((uri, located)) = self.resources.get_key_value(uri.as_str()) {
            return Some((uri, located));
        }
        if self.missing.iter().all(|m| m.uri != uri) {
            let (line, column) = (place.line, place.column);
            let message = format!(
                "the {} at {} is needed to read this; it was not given",
                kind.name(),
                yaml::clip(&uri)
            );
            self.first_missing.get_or_insert_with(|| at(self.file, place, message));
            self.missing.push(Resource { uri, kind, authentication, line, column });
        }
        None
    }

    /// Reads `use.extensions`.
    pub(super) fn read_extensions(&mut self) -> Result<Vec<Extension>, ParseError> {
        let Some(place) = self.reusable.extensions else { return Ok(Vec::new()) };
        let mut extensions = Vec::new();
        for (i, entry) in super::tasks::named(self.file, "`extensions`", place)?.into_iter().enumerate() {
            let what = format!("extension `{}`", yaml::clip(&entry.key));
            let path = format!("/use/extensions/{i}/{}", yaml_pointer(&entry.key));
            let mut fields = Fields::open(self.file, what.as_str(), &entry.value)?;
            let extend = fields.require("extend")?;
            self.shaped(extend, shape::Shape::Word(&EXTENDED), "`extend`")?;
            let extend = yaml::text(self.file, "`extend`", extend)?.to_owned();
            let when = fields.get("when").map(|p| self.expression(p, "`when`")).transpose()?;
            let mut body = |reader: &mut Self, key: &'static str| -> Result<Vec<TaskIndex>, ParseError> {
                let Some(place) = fields.get(key) else { return Ok(Vec::new()) };
                reader.list(&what, place, &format!("{path}/{key}"))
            };
            let (before, after) = (body(self, "before")?, body(self, "after")?);
            fields.finish()?;
            extensions.push(Extension::new(extend, when, before, after));
        }
        Ok(extensions)
    }
}

/// A name as a part of a JSON pointer (RFC 6901).
pub(super) fn yaml_pointer(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// The file of a function in the folder a URI names.
fn with_file(uri: &str) -> String {
    // `https://github.com/owner/functions/name@v1.0.0`: the version is the tag of the repository.
    if let Some(rest) = uri.strip_prefix("https://github.com/")
        && let Some((path, tag)) = rest.rsplit_once('@')
        && let [owner, repository, folder @ ..] = path.split('/').collect::<Vec<_>>().as_slice()
        && !folder.is_empty()
    {
        let folder = folder.join("/");
        return format!(
            "https://raw.githubusercontent.com/{owner}/{repository}/{tag}/{folder}/function.yaml"
        );
    }
    if [".yaml", ".yml", ".json"].iter().any(|ending| uri.ends_with(ending)) {
        uri.to_owned()
    } else {
        format!("{}/function.yaml", uri.trim_end_matches('/'))
    }
}

/// Pages of GitHub and GitLab that show a file, turned into the file itself (specification, "Catalogs").
fn raw_uri(uri: &str) -> String {
    if let Some(rest) = uri.strip_prefix("https://github.com/") {
        let parts: Vec<&str> = rest.split('/').collect();
        return match parts.as_slice() {
            [owner, repository, "tree" | "blob", branch, path @ ..] => format!(
                "https://raw.githubusercontent.com/{owner}/{repository}/refs/heads/{branch}/{}",
                path.join("/")
            ),
            [owner, repository, path @ ..] => {
                format!("https://raw.githubusercontent.com/{owner}/{repository}/HEAD/{}", path.join("/"))
            }
            _ => uri.to_owned(),
        };
    }
    let host = uri.split("://").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default();
    if host.starts_with("gitlab.") {
        return uri.replacen("/-/tree/", "/-/raw/", 1).replacen("/-/blob/", "/-/raw/", 1);
    }
    uri.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_become_files() {
        for (given, expect) in [
            (
                "https://github.com/serverlessworkflow/catalog/tree/main/functions/log/1.0.0/function.yaml",
                "https://raw.githubusercontent.com/serverlessworkflow/catalog/refs/heads/main/functions/log/1.0.0/function.yaml",
            ),
            (
                "https://github.com/o/r/f/function.yaml",
                "https://raw.githubusercontent.com/o/r/HEAD/f/function.yaml",
            ),
            ("https://gitlab.com/o/r/-/blob/main/f.yaml", "https://gitlab.com/o/r/-/raw/main/f.yaml"),
            ("https://example.com/a/f.yaml", "https://example.com/a/f.yaml"),
            (
                "https://github.com/me/f/check@v1.0.0",
                "https://raw.githubusercontent.com/me/f/v1.0.0/check/function.yaml",
            ),
            ("https://example.com/functions/log", "https://example.com/functions/log/function.yaml"),
        ] {
            assert_eq!(raw_uri(&with_file(given)), expect);
        }
    }
}
