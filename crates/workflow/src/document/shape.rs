//! What the parameters of calls and processes look like, as tables, and the one reader for all of them.
//!
//! A table says no more than the DSL reference and its schema; where they differ the schema counts.

use super::Reader;
use crate::expression::Template;
use crate::yaml::{self, Fields, Located, Node, ParseError, at};

/// What a value may be.
#[derive(Clone, Copy)]
pub(super) enum Shape {
    /// Text, with expressions in it if it likes.
    Text,
    /// One of these words.
    Word(&'static [&'static str]),
    /// True or false.
    Flag,
    /// A whole number in this range.
    Whole(i64, i64),
    /// Anything.
    Any,
    /// A mapping of anything.
    Map,
    /// A mapping of anything, or text (usually one expression).
    MapOrText,
    /// A mapping of texts.
    Texts,
    /// A mapping of texts, or one expression.
    TextsOrExpression,
    /// A list of texts.
    List,
    /// A URI, possibly a template, or one expression.
    Uri,
    /// A path or URI below another, possibly a template.
    Path,
    /// A duration.
    Duration,
    /// A URI, or a mapping of `uri` and `authentication`.
    Endpoint,
    /// A mapping of `endpoint` and `name`.
    Resource,
    /// An authentication policy, or a reference to one.
    Authentication,
    /// A mapping of these.
    Object(&'static Object),
}

/// A mapping whose keys are known.
pub(super) struct Object {
    pub(super) fields: &'static [Field],
    /// Groups of which exactly one must be there.
    pub(super) one_of: &'static [&'static [&'static str]],
}

/// One key of a mapping.
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    pub(super) required: bool,
}

/// A key that may be left out.
pub(super) const fn may(name: &'static str, shape: Shape) -> Field {
    Field { name, shape, required: false }
}

/// A key that must be there.
pub(super) const fn must(name: &'static str, shape: Shape) -> Field {
    Field { name, shape, required: true }
}

/// A catalog of `use.catalogs`.
pub(super) const CATALOG: Object = Object { fields: &[must("endpoint", Shape::Endpoint)], one_of: &[] };
const RESOURCE: Object =
    Object { fields: &[must("endpoint", Shape::Endpoint), may("name", Shape::Text)], one_of: &[] };
const ENDPOINT: Object =
    Object { fields: &[must("uri", Shape::Uri), may("authentication", Shape::Authentication)], one_of: &[] };

impl<'a> Reader<'a> {
    /// Reads a value of this shape.
    pub(super) fn shaped(
        &mut self,
        place: &'a Located,
        shape: Shape,
        what: &str,
    ) -> Result<Template, ParseError> {
        let file = self.file;
        let fits = |fine: bool, expected: &str| {
            if fine {
                return Ok(());
            }
            let found = place.value.kind();
            Err(at(file, place, format!("{what} must be {expected}, not {found}")))
        };
        match shape {
            Shape::Text | Shape::Path => {
                let text = yaml::text(file, what, place)?;
                if matches!(shape, Shape::Path) {
                    self.uri(place, text, what)
                } else {
                    self.template(place, what)
                }
            }
            Shape::Word(words) => {
                let text = yaml::text(file, what, place)?;
                if words.contains(&text) {
                    return self.template(place, what);
                }
                let hint = yaml::suggest(text, words.iter().copied()).map_or_else(
                    || format!("use one of {}", words.join(", ")),
                    |s| format!("did you mean `{s}`?"),
                );
                Err(at(file, place, format!("{what} cannot be `{}`; {hint}", yaml::clip(text))))
            }
            Shape::Flag => {
                fits(matches!(place.value, Node::Bool(_)), "true or false")?;
                self.template(place, what)
            }
            Shape::Whole(least, most) => {
                let number = place.to_json().as_i64();
                let fine = number.is_some_and(|n| (least..=most).contains(&n));
                fits(fine, &format!("a whole number from {least} to {most}"))?;
                self.template(place, what)
            }
            Shape::Any => self.template(place, what),
            Shape::Map | Shape::MapOrText | Shape::Texts | Shape::TextsOrExpression => {
                self.mapping(place, shape, what)
            }
            Shape::List => {
                for item in yaml::list(file, what, place)? {
                    yaml::text(file, &format!("an item of {what}"), item)?;
                }
                self.template(place, what)
            }
            Shape::Uri => {
                let text = yaml::text(file, what, place)?;
                if !is_expression(text) && !has_scheme(text) {
                    let message =
                        format!("{what} must be a URI such as https://example.com/a, or one expression");
                    return Err(at(file, place, message));
                }
                self.uri(place, text, what)
            }
            Shape::Duration => Ok(super::data::duration_template(self, place, what)?.0),
            Shape::Endpoint => match &place.value {
                Node::Mapping(_) => self.object(place, &ENDPOINT, what),
                _ => self.shaped(place, Shape::Uri, what),
            },
            Shape::Resource => self.object(place, &RESOURCE, what),
            Shape::Authentication => self.authentication(place, what),
            Shape::Object(object) => self.object(place, object, what),
        }
    }

    /// Reads a mapping whose keys are free.
    fn mapping(&mut self, place: &'a Located, shape: Shape, what: &str) -> Result<Template, ParseError> {
        let fine = match (&place.value, shape) {
            (Node::Mapping(entries), Shape::Texts | Shape::TextsOrExpression) => {
                for entry in entries {
                    let what = format!("`{}` of {what}", yaml::clip(&entry.key));
                    yaml::text(self.file, &what, &entry.value)?;
                }
                true
            }
            (Node::Mapping(_), _) | (Node::Text(_), Shape::MapOrText) => true,
            (Node::Text(text), Shape::TextsOrExpression) => is_expression(text),
            _ => false,
        };
        if fine {
            return self.template(place, what);
        }
        let expected = match shape {
            Shape::Map => "a mapping",
            Shape::MapOrText => "a mapping or an expression",
            _ => "a mapping of texts",
        };
        Err(at(self.file, place, format!("{what} must be {expected}, not {}", place.value.kind())))
    }

    /// Reads a mapping whose keys are known.
    pub(super) fn object(
        &mut self,
        place: &'a Located,
        object: &'static Object,
        what: &str,
    ) -> Result<Template, ParseError> {
        let mut fields = Fields::open(self.file, what, place)?;
        let mut pairs = Vec::new();
        for field in object.fields {
            let found =
                if field.required { Some(fields.require(field.name)?) } else { fields.get(field.name) };
            if let Some(value) = found {
                let what = format!("`{}` of {what}", field.name);
                pairs.push((field.name.to_owned(), self.shaped(value, field.shape, &what)?));
            }
        }
        for group in object.one_of {
            let there: Vec<&str> = group.iter().copied().filter(|k| fields.has(k)).collect();
            let quoted = || group.iter().map(|k| format!("`{k}`")).collect::<Vec<_>>().join(", ");
            match there.as_slice() {
                [_] => {}
                [] => return Err(at(self.file, place, format!("{what} needs one of {}", quoted()))),
                [_, second, ..] => {
                    return Err(fields.error(second, format!("{what} may have only one of {}", quoted())));
                }
            }
        }
        fields.finish()?;
        if pairs.iter().all(|(_, t)| matches!(t, Template::Constant(_))) {
            let constants = pairs.into_iter().map(|(k, t)| match t {
                Template::Constant(value) => (k, value),
                _ => unreachable!("all of them were constant a moment ago"),
            });
            return Ok(Template::Constant(constants.collect::<serde_json::Map<_, _>>().into()));
        }
        Ok(Template::Mapping(pairs))
    }

    fn uri(&mut self, place: &Located, text: &str, what: &str) -> Result<Template, ParseError> {
        if text.contains("${") {
            return self.template(place, what);
        }
        Template::uri(text, &[]).map_err(|e| at(self.file, place, format!("{what}: {e}")))
    }
}

/// Whether text is one expression as a whole.
pub(super) fn is_expression(text: &str) -> bool {
    crate::expression::template::whole(text).is_some()
}

/// Whether text begins as a URI does (schema, `uriTemplate`).
pub(super) fn has_scheme(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, _)| {
        scheme.bytes().next().is_some_and(|b| b.is_ascii_alphabetic())
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
    })
}
