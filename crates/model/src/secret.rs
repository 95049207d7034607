//! Secrets: a value that cannot print, and the placeholders that stand for it wherever data is kept or shown.
//!
//! A workflow that says `$secrets.github.token` gets a text such as
//! `homeostat-secret~5f0c…~github.token~`. Journals, documents and screens hold that text; just before a call the
//! engine puts the value in its place with [`resolve`]. The text carries the nonce of the run, so a placeholder that
//! came in from outside is only text. Deliberately absent: where secrets are kept (`ports::Secrets`).

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;
use sha2::{Digest, Sha256};

/// What every placeholder starts with. Only characters that a URI leaves alone (RFC 3986, "unreserved") are used in
/// one, so that it survives being put into a URI or a query.
const START: &str = "homeostat-secret~";
/// Texts shorter than this are not looked for in answers: hiding each `a` would destroy them and hide nothing.
const HIDDEN_CHARS_MIN: usize = 6;
/// What stands in an answer where a secret was.
const HIDDEN: &str = "[secret]";

/// A secret: text, or an object of texts. It cannot be printed or serialized, and is not compared.
#[derive(Clone)]
pub struct Secret(Value);

impl Secret {
    /// Wraps a value.
    #[must_use]
    pub fn new(value: Value) -> Self {
        Self(value)
    }

    /// The value itself. Whoever calls this answers for where it goes.
    #[must_use]
    pub fn expose(&self) -> &Value {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

/// Why a placeholder could not be replaced. Names only; never a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// No such secret, or this workflow may not use it (status 403 in the DSL).
    #[error(
        "the secret {name:?} does not exist or may not be used here; create it, and list it in `use.secrets`"
    )]
    Unknown {
        /// Its name.
        name: String,
    },
    /// The secret has no such field.
    #[error("the secret {name:?} has no field {field:?}; correct the path after `$secrets.{name}`")]
    NoField {
        /// Its name.
        name: String,
        /// The path into it, dotted.
        field: String,
    },
    /// The secret stands inside a text but is not text.
    #[error("the secret {name:?} is an object or a list and stands inside a text; name one of its fields")]
    NotText {
        /// Its name.
        name: String,
    },
    /// The secret stands in the name of a field.
    #[error("the secret {name:?} is used as the name of a field; use it as a value")]
    AsKey {
        /// Its name.
        name: String,
    },
}

/// The nonce of a run, from what only the run knows. Whoever can guess the seed can forge placeholders, so it must
/// hold randomness.
#[must_use]
pub fn nonce(seed: &[u8]) -> String {
    let mut hash = Sha256::new();
    hash.update(b"homeostat secret placeholder");
    hash.update(seed);
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// The text that stands for a secret, or for what lies at `path` inside it.
#[must_use]
pub fn placeholder(nonce: &str, name: &str, path: &[impl AsRef<str>]) -> String {
    let mut text = format!("{START}{nonce}~");
    escape(name, &mut text);
    for part in path {
        text.push('.');
        escape(part.as_ref(), &mut text);
    }
    text.push('~');
    text
}

/// The names of the secrets that placeholders of this nonce stand for, anywhere in a value.
#[must_use]
pub fn names(value: &Value, nonce: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match value {
            Value::String(text) => names.extend(placeholders(text, Some(nonce)).map(|found| found.name)),
            Value::Array(items) => open.extend(items),
            Value::Object(fields) => {
                names.extend(
                    fields.keys().flat_map(|key| placeholders(key, Some(nonce)).map(|found| found.name)),
                );
                open.extend(fields.values());
            }
            _ => {}
        }
    }
    names
}

/// Puts secrets in place of the placeholders of this nonce, at any depth and inside texts. A text that is nothing but
/// a placeholder becomes the value itself, which may be an object. What comes out is not searched again.
///
/// # Errors
/// A secret is missing or does not fit; the value is then as it was.
pub fn resolve<'a>(
    value: &mut Value,
    nonce: &str,
    lookup: impl Fn(&str) -> Option<&'a Secret>,
) -> Result<Revealed, SecretError> {
    let mut resolved = value.clone();
    let mut revealed = Revealed::default();
    let mut open = vec![&mut resolved];
    while let Some(place) = open.pop() {
        match place {
            Value::String(text) => {
                if let Some(new) = resolve_text(text, nonce, &lookup, &mut revealed)? {
                    *place = new;
                }
            }
            Value::Array(items) => open.extend(items),
            Value::Object(fields) => {
                if let Some(found) = fields.keys().find_map(|key| placeholders(key, Some(nonce)).next()) {
                    return Err(SecretError::AsKey { name: found.name });
                }
                open.extend(fields.values_mut());
            }
            _ => {}
        }
    }
    revealed.settle();
    *value = resolved;
    Ok(revealed)
}

/// The text as people may read it: placeholders of any run become `$secrets.github.token`.
#[must_use]
pub fn readable(text: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut done = 0;
    for found in placeholders(text, None) {
        out.push_str(&text[done..found.start]);
        out.push_str(&found.shown());
        done = found.end;
    }
    if done == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[done..]);
    Cow::Owned(out)
}

/// Makes every text and name of a value as [`readable`] shows it.
pub fn make_readable(value: &mut Value) {
    each_text(value, &mut |text| match readable(text) {
        Cow::Owned(shown) => Some(shown),
        Cow::Borrowed(_) => None,
    });
}

/// Puts the placeholders back that [`make_readable`] showed as words: only those of `hidden`, the value as it was
/// before, so that nobody names a secret that was not there.
pub fn make_hidden(value: &mut Value, hidden: &Value) {
    let mut known = BTreeSet::new();
    let mut hidden = hidden.clone();
    each_text(&mut hidden, &mut |text| {
        known.extend(placeholders(text, None).map(|f| (f.shown(), text[f.start..f.end].to_owned())));
        None
    });
    if known.is_empty() {
        return;
    }
    each_text(value, &mut |text| {
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = rest.find("$secrets.") {
            out.push_str(&rest[..at]);
            rest = &rest[at..];
            let fits = |(shown, _): &&(String, String)| {
                rest.strip_prefix(shown.as_str()).is_some_and(|after| !goes_on(after))
            };
            match known.iter().rev().find(fits) {
                Some((shown, placeholder)) => {
                    out.push_str(placeholder);
                    rest = &rest[shown.len()..];
                }
                None => {
                    out.push_str("$secrets.");
                    rest = &rest["$secrets.".len()..];
                }
            }
        }
        out.push_str(rest);
        Some(out)
    });
}

/// Whether the name of a secret goes on here: it is another one.
fn goes_on(after: &str) -> bool {
    let name = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    after.starts_with(name) || after.strip_prefix('.').is_some_and(|after| after.starts_with(name))
}

/// Looks at every text and name in a value; takes what comes back in its place.
fn each_text(value: &mut Value, change: &mut impl FnMut(&str) -> Option<String>) {
    let mut open = vec![value];
    while let Some(place) = open.pop() {
        match place {
            Value::String(text) => {
                if let Some(changed) = change(text) {
                    *text = changed;
                }
            }
            Value::Array(items) => open.extend(items),
            Value::Object(fields) => {
                let old = std::mem::take(fields);
                fields.extend(old.into_iter().map(|(key, value)| (change(&key).unwrap_or(key), value)));
                open.extend(fields.values_mut());
            }
            _ => {}
        }
    }
}

/// The secrets that were put into a call, kept to take them out of its answer: peers echo what they are sent.
#[derive(Clone, Default)]
pub struct Revealed {
    /// Longest first, so that a secret inside another does not leave a rest of it.
    texts: Vec<String>,
}

impl fmt::Debug for Revealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Revealed({})", self.texts.len())
    }
}

impl Revealed {
    /// Every text in these values, for secrets that came otherwise than by a placeholder: a token just fetched, say.
    #[must_use]
    pub fn of<'a>(values: impl IntoIterator<Item = &'a Value>) -> Self {
        let mut revealed = Self::default();
        for value in values {
            revealed.add(value);
        }
        revealed.settle();
        revealed
    }

    /// These and those.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        self.texts.extend_from_slice(&other.texts);
        self.settle();
        self
    }

    /// Takes the secrets out of a text. Those shorter than six characters are left.
    #[must_use]
    pub fn hide(&self, text: &str) -> String {
        self.texts.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), HIDDEN))
    }

    /// Takes the secrets out of all texts and names of a value.
    pub fn hide_in(&self, value: &mut Value) {
        if self.texts.is_empty() {
            return;
        }
        let mut open = vec![value];
        while let Some(place) = open.pop() {
            match place {
                Value::String(text) if self.is_in(text) => *text = self.hide(text),
                Value::Array(items) => open.extend(items),
                Value::Object(fields) => {
                    if fields.keys().any(|key| self.is_in(key)) {
                        let old = std::mem::take(fields);
                        fields.extend(old.into_iter().map(|(key, value)| (self.hide(&key), value)));
                    }
                    open.extend(fields.values_mut());
                }
                _ => {}
            }
        }
    }

    fn is_in(&self, text: &str) -> bool {
        self.texts.iter().any(|secret| text.contains(secret.as_str()))
    }

    /// Remembers every text of a value.
    fn add(&mut self, value: &Value) {
        let mut open = vec![value];
        while let Some(value) = open.pop() {
            match value {
                Value::String(text) if text.chars().count() >= HIDDEN_CHARS_MIN => {
                    self.texts.push(text.clone());
                }
                Value::Array(items) => open.extend(items),
                Value::Object(fields) => open.extend(fields.values()),
                _ => {}
            }
        }
    }

    fn settle(&mut self) {
        self.texts.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        self.texts.dedup();
    }
}

/// A placeholder inside a text: where it is and what it stands for.
struct Found {
    start: usize,
    end: usize,
    name: String,
    path: Vec<String>,
}

impl Found {
    fn shown(&self) -> String {
        let parts = std::iter::once(&self.name).chain(&self.path).map(String::as_str);
        format!("$secrets.{}", parts.collect::<Vec<_>>().join("."))
    }
}

/// The well-formed placeholders in a text, of one nonce or of any.
fn placeholders<'a>(text: &'a str, nonce: Option<&'a str>) -> impl Iterator<Item = Found> + 'a {
    text.match_indices(START).filter_map(move |(start, _)| {
        let body = &text[start + START.len()..];
        let (of, rest) = body.split_once('~')?;
        let ours = match nonce {
            Some(nonce) => of == nonce && !nonce.is_empty(),
            None => !of.is_empty() && of.bytes().all(|b| b.is_ascii_alphanumeric()),
        };
        if !ours {
            return None;
        }
        let (inner, _) = rest.split_once('~')?;
        let mut parts = inner.split('.').map(unescape);
        let name = parts.next()??;
        let path = parts.collect::<Option<Vec<_>>>()?;
        let end = start + START.len() + of.len() + 1 + inner.len() + 1;
        Some(Found { start, end, name, path })
    })
}

fn resolve_text<'a>(
    text: &str,
    nonce: &str,
    lookup: &impl Fn(&str) -> Option<&'a Secret>,
    revealed: &mut Revealed,
) -> Result<Option<Value>, SecretError> {
    let mut out = String::new();
    let mut done = 0;
    for found in placeholders(text, Some(nonce)) {
        let secret =
            lookup(&found.name).ok_or_else(|| SecretError::Unknown { name: found.name.clone() })?.expose();
        let value = found.path.iter().try_fold(secret, |value, part| field(value, part));
        let Some(value) = value else {
            return Err(SecretError::NoField { field: found.path.join("."), name: found.name });
        };
        revealed.add(value);
        if found.start == 0 && found.end == text.len() {
            return Ok(Some(value.clone()));
        }
        out.push_str(&text[done..found.start]);
        match value {
            Value::String(value) => out.push_str(value),
            Value::Number(_) | Value::Bool(_) => out.push_str(&value.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => {
                return Err(SecretError::NotText { name: found.name });
            }
        }
        done = found.end;
    }
    if done == 0 {
        return Ok(None);
    }
    out.push_str(&text[done..]);
    Ok(Some(Value::String(out)))
}

fn field<'a>(value: &'a Value, part: &str) -> Option<&'a Value> {
    match value {
        Value::Object(fields) => fields.get(part),
        Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        _ => None,
    }
}

/// Letters, digits and `-` stay; every other byte becomes `_` and two hexadecimal digits.
fn escape(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'-' {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("_{byte:02x}"));
        }
    }
}

fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'_' => {
                let digits = [rest.next()?, rest.next()?];
                bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
            }
            b'-' => bytes.push(byte),
            _ if byte.is_ascii_alphanumeric() => bytes.push(byte),
            _ => return None,
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests;
