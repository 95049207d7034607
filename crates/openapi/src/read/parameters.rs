//! Parameters of an operation and its path, and what 2.0 says about bodies as parameters.

use super::reader::{Reader, clip};
use super::spot::Spot;
use crate::api::{
    Additional, At, Body, Content, Encoding, Example, In, Kind, Media, Object, Parameter, Property, Schema,
    SchemaId, Style,
};
use crate::words;

/// The parameters of an operation, and the body that parameters of 2.0 make.
pub(super) struct Parameters {
    pub(super) plain: Vec<Parameter>,
    pub(super) body: Option<Body>,
}

const FORM: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data";

impl<'t> Reader<'t> {
    /// Parameters of the operation and of its path; the operation's stand for those of the path with the same name.
    pub(super) fn all_parameters(&mut self, item: Spot<'t>, node: Spot<'t>) -> Parameters {
        let mut plain: Vec<Parameter> = Vec::new();
        let mut whole = None;
        let mut fields: Vec<(&'t str, Spot<'t>)> = Vec::new();
        for (holder, own) in [(node, true), (item, false)] {
            for given in holder.get(words::PARAMETERS).into_iter().flat_map(Spot::list) {
                let Some(given) = self.follow(given) else { continue };
                let Some(name) = given.text(words::NAME) else {
                    self.broken(
                        "parameter-without-name",
                        given,
                        "a parameter has no name; it is left out",
                        "add `name`",
                    );
                    continue;
                };
                let said = given.text(words::IN).unwrap_or_default();
                let place = match said.to_ascii_lowercase().as_str() {
                    "path" => In::Path,
                    "query" => In::Query,
                    "header" => In::Header,
                    "cookie" => In::Cookie,
                    "querystring" => In::QueryString,
                    "body" => {
                        whole = whole.or(Some(given));
                        continue;
                    }
                    "formdata" | "form" => {
                        if !fields.iter().any(|(known, _)| *known == name) {
                            fields.push((name, given));
                        }
                        continue;
                    }
                    _ => {
                        let message = format!("the parameter {:?} does not say where it stands", clip(name));
                        let suggestion = "let `in` be path, query, header or cookie; it is left out";
                        self.broken("parameter-without-place", given, message, suggestion);
                        continue;
                    }
                };
                let known = plain.iter().find(|known| known.name == name && known.place == place);
                match known {
                    None => {
                        let parameter = self.parameter(given, name, place);
                        plain.push(parameter);
                    }
                    Some(_) if own => {
                        let message =
                            format!("the parameter {:?} is there twice; the first counts", clip(name));
                        self.warn("duplicate-parameter", given.at(), message, "take one out");
                    }
                    Some(_) => {}
                }
            }
        }
        let body = self.old_body(node, whole, &fields);
        Parameters { plain, body }
    }

    fn parameter(&mut self, spot: Spot<'t>, name: &str, place: In) -> Parameter {
        let content = spot.get(words::CONTENT).and_then(|content| content.entries().next());
        let said = spot.truth(words::REQUIRED);
        if place == In::Path && said != Some(true) {
            let message =
                format!("the parameter {:?} of the path must be required; it counts so", clip(name));
            self.note("path-parameter-optional", spot, message, "add `required: true`");
        }
        let (style, explode) = style(spot, place);
        Parameter {
            name: name.to_owned(),
            place,
            required: place == In::Path || said == Some(true),
            deprecated: spot.flag(words::DEPRECATED),
            description: self.prose(spot, words::DESCRIPTION),
            schema: self.schema_beside(spot, content.map(|(_, content)| content)),
            style,
            explode,
            allow_reserved: spot.flag(words::ALLOW_RESERVED),
            content: content.map(|(media_type, _)| media_type.to_owned()),
            examples: self.examples(spot),
            described: true,
            extensions: self.extensions(spot),
            at: spot.at(),
        }
    }

    /// The schema of a parameter or header: below `schema` or `content`; 2.0 writes it into the parameter itself.
    pub(super) fn schema_beside(&mut self, spot: Spot<'t>, content: Option<Spot<'t>>) -> SchemaId {
        if let Some(schema) = spot.get(words::SCHEMA) {
            return self.schema(schema);
        }
        if let Some(content) = content {
            return content.get(words::SCHEMA).map_or(super::schemas::ANYTHING, |schema| self.schema(schema));
        }
        let id = self.schema_in_place(spot);
        if let Some(schema) = self.schemas.get_mut(id.index()).filter(|_| id != super::schemas::ANYTHING) {
            // These are the parameter's own.
            schema.description = None;
            schema.more = None;
            schema.deprecated = false;
        }
        id
    }

    /// A schema whose keywords stand among others.
    fn schema_in_place(&mut self, spot: Spot<'t>) -> SchemaId {
        if spot.get(words::TYPE).is_none() && spot.get(words::ENUM).is_none() {
            return self.made_text(spot.at());
        }
        self.schema(spot)
    }

    /// A schema of texts, where the document describes nothing.
    pub(super) fn made_text(&mut self, at: At) -> SchemaId {
        let mut schema = Schema::empty(at);
        schema.kind = Kind::String(None);
        self.push(schema)
    }

    /// `consumes` or `produces` of 2.0: the operation's, else the document's.
    pub(super) fn media_types(&self, node: Spot<'t>, word: crate::tree::Word) -> Vec<&'t str> {
        let list = node.get(word).or_else(|| self.root().get(word));
        list.into_iter().flat_map(Spot::list).filter_map(|item| item.node.text()).collect()
    }

    /// Body and form parameters of 2.0.
    fn old_body(
        &mut self,
        node: Spot<'t>,
        whole: Option<Spot<'t>>,
        fields: &[(&'t str, Spot<'t>)],
    ) -> Option<Body> {
        let consumes = self.media_types(node, words::CONSUMES);
        if let Some(whole) = whole {
            let types = if consumes.is_empty() { vec!["application/json"] } else { consumes };
            let schema = whole.get(words::SCHEMA).map(|schema| self.schema(schema));
            let examples = self.examples(whole);
            return Some(Body {
                required: whole.flag(words::REQUIRED),
                name: whole.text(words::NAME).map(str::to_owned),
                description: self.prose(whole, words::DESCRIPTION),
                contents: types.into_iter().map(|kind| plain_content(kind, schema, &examples)).collect(),
                at: whole.at(),
            });
        }
        let (_, first) = fields.first()?;
        let at = first.at();
        let mut object =
            Object { properties: Vec::new(), additional: Additional::Unsaid, patterns: Vec::new() };
        let mut encodings = Vec::new();
        let mut files = false;
        for (name, field) in fields {
            let schema = match field.get(words::SCHEMA) {
                Some(schema) => self.schema(schema),
                None => self.schema_in_place(*field),
            };
            files |= matches!(self.schemas[schema.index()].kind, Kind::Binary(_));
            let required = field.flag(words::REQUIRED);
            object.properties.push(Property { name: (*name).into(), schema, required, implied: false });
            if field.text(words::TYPE) == Some("array") {
                let (style, explode) = style(*field, In::Query);
                encodings.push((
                    (*name).into(),
                    Encoding {
                        content_type: None,
                        style: Some(style),
                        explode: Some(explode),
                        allow_reserved: false,
                        headers: Vec::new(),
                    },
                ));
            }
        }
        let required = object.properties.iter().any(|property| property.required);
        let mut schema = Schema::empty(at);
        schema.kind = Kind::Object(Box::new(object));
        let schema = self.push(schema);
        let mut types: Vec<_> =
            consumes.into_iter().filter(|kind| kind.starts_with("multipart/") || *kind == FORM).collect();
        if files {
            types.retain(|kind| *kind != FORM);
        }
        if types.is_empty() {
            types.push(if files { MULTIPART } else { FORM });
        }
        let content =
            |kind: &str| Content { encodings: encodings.clone(), ..plain_content(kind, Some(schema), &[]) };
        Some(Body {
            required,
            name: None,
            description: None,
            contents: types.into_iter().map(content).collect(),
            at,
        })
    }
}

pub(super) fn plain_content(media_type: &str, schema: Option<SchemaId>, examples: &[Example]) -> Content {
    Content {
        media_type: media_type.to_owned(),
        media: Media::of(media_type),
        schema,
        item_schema: None,
        encodings: Vec::new(),
        examples: examples.to_vec(),
    }
}

/// How a parameter is written.
fn style(spot: Spot<'_>, place: In) -> (Style, bool) {
    let in_query = matches!(place, In::Query | In::Cookie | In::QueryString);
    // 2.0 has its own words, for lists.
    if spot.text(words::STYLE).is_none()
        && spot.get(words::SCHEMA).is_none()
        && spot.text(words::TYPE) == Some("array")
        && spot.get(words::EXPLODE).is_none()
    {
        return match spot.text(words::COLLECTION_FORMAT) {
            Some("multi") if in_query => (Style::Form, true),
            Some("ssv") if in_query => (Style::SpaceDelimited, false),
            Some("tsv") if in_query => (Style::TabDelimited, false),
            Some("pipes") if in_query => (Style::PipeDelimited, false),
            _ if in_query => (Style::Form, false),
            _ => (Style::Simple, false),
        };
    }
    let style = match spot.text(words::STYLE) {
        Some("label") => Style::Label,
        Some("matrix") => Style::Matrix,
        Some("form" | "cookie") => Style::Form,
        Some("spaceDelimited") => Style::SpaceDelimited,
        Some("pipeDelimited") => Style::PipeDelimited,
        Some("tabDelimited") => Style::TabDelimited,
        Some("deepObject") => Style::DeepObject,
        Some("simple") => Style::Simple,
        _ if in_query => Style::Form,
        _ => Style::Simple,
    };
    (style, spot.truth(words::EXPLODE).unwrap_or(style == Style::Form))
}
