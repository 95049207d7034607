//! Bodies, responses, headers, media types and examples.

use super::parameters::plain_content;
use super::reader::{Reader, clip};
use super::spot::Spot;
use crate::api::{Body, Content, Encoding, Example, Header, Kind, Media, Response, SchemaId, Status, Style};
use crate::words;

impl<'t> Reader<'t> {
    pub(super) fn request_body(&mut self, spot: Spot<'t>) -> Option<Body> {
        let spot = self.follow(spot)?;
        Some(Body {
            required: spot.flag(words::REQUIRED),
            name: spot
                .named("x-codegen-request-body-name")
                .and_then(|name| name.node.text())
                .map(str::to_owned),
            description: self.prose(spot, words::DESCRIPTION),
            contents: self.contents(spot),
            at: spot.at(),
        })
    }

    pub(super) fn contents(&mut self, spot: Spot<'t>) -> Vec<Content> {
        let Some(content) = spot.get(words::CONTENT) else { return Vec::new() };
        let mut contents = Vec::new();
        for (media_type, node) in content.entries() {
            let Some(node) = self.follow(node) else { continue };
            let media = Media::of(media_type);
            let schema = node.get(words::SCHEMA).map(|schema| self.schema(schema));
            let item_schema = node.get(words::ITEM_SCHEMA).map(|schema| self.schema(schema));
            let mut encodings = Vec::new();
            for (name, encoding) in node.get(words::ENCODING).into_iter().flat_map(Spot::all) {
                let encoding = self.encoding(encoding);
                encodings.push((name.into(), encoding));
            }
            let examples = self.examples(node);
            let media_type = media_type.to_owned();
            contents.push(Content { media_type, media, schema, item_schema, encodings, examples });
        }
        contents
    }

    fn encoding(&mut self, spot: Spot<'t>) -> Encoding {
        Encoding {
            content_type: spot.text(words::CONTENT_TYPE).map(str::to_owned),
            style: spot.text(words::STYLE).map(|style| match style {
                "spaceDelimited" => Style::SpaceDelimited,
                "pipeDelimited" => Style::PipeDelimited,
                "deepObject" => Style::DeepObject,
                _ => Style::Form,
            }),
            explode: spot.truth(words::EXPLODE),
            allow_reserved: spot.flag(words::ALLOW_RESERVED),
            headers: self.headers(spot),
        }
    }

    /// `examples`, then `example`.
    pub(super) fn examples(&mut self, spot: Spot<'t>) -> Vec<Example> {
        let mut examples = Vec::new();
        for (name, example) in spot.get(words::EXAMPLES).into_iter().flat_map(Spot::entries) {
            let Some(example) = self.follow(example) else { continue };
            let value = example.get(words::VALUE).or_else(|| example.get(words::DATA_VALUE));
            let Some(value) = value else { continue };
            examples.push(Example {
                name: Some(name.into()),
                summary: self.prose(example, words::SUMMARY).map(Into::into),
                description: self.prose(example, words::DESCRIPTION).map(Into::into),
                value: self.data(value),
            });
        }
        if let Some(example) = spot.get(words::EXAMPLE) {
            let value = self.data(example);
            examples.push(Example { name: None, summary: None, description: None, value });
        }
        examples
    }

    pub(super) fn responses(&mut self, node: Spot<'t>) -> Vec<Response> {
        let mut responses: Vec<Response> = Vec::new();
        for (said, spot) in node.get(words::RESPONSES).into_iter().flat_map(Spot::entries) {
            let Some(status) = status(said) else {
                let message = format!("{:?} is no status; the response is left out", clip(said));
                self.warn("status-unknown", spot.at(), message, "write 200, 4XX or default");
                continue;
            };
            if responses.iter().any(|known| known.status == status) {
                let message = format!("another response is of the status {:?} as well", clip(said));
                self.warn("duplicate-status", spot.at(), message, "take one out");
                continue;
            }
            let Some(spot) = self.follow(spot) else { continue };
            let mut contents = self.contents(spot);
            if let Some(schema) = spot.get(words::SCHEMA) {
                let schema = self.schema(schema);
                contents = self.produced(node, spot, schema);
            }
            responses.push(Response {
                status,
                description: self.prose(spot, words::DESCRIPTION).unwrap_or_default(),
                headers: self.headers(spot),
                contents,
                extensions: self.extensions(spot),
                at: spot.at(),
            });
        }
        if responses.is_empty() {
            self.note(
                "responses-missing",
                node,
                "the operation does not say what comes back",
                "add `responses`",
            );
        }
        responses
    }

    /// The contents of a response of 2.0.
    fn produced(&mut self, node: Spot<'t>, spot: Spot<'t>, schema: SchemaId) -> Vec<Content> {
        let mut produces = self.media_types(node, words::PRODUCES);
        let bytes =
            self.schemas.get(schema.index()).is_some_and(|schema| matches!(schema.kind, Kind::Binary(_)));
        if bytes {
            // A file is not JSON, whatever the document says of the others.
            produces.retain(|kind| Media::of(kind) != Media::Json);
        }
        if produces.is_empty() {
            produces.push(if bytes { "application/octet-stream" } else { "application/json" });
        }
        let given = spot.get(words::EXAMPLES);
        let mut contents = Vec::new();
        for kind in produces {
            let mut content = plain_content(kind, Some(schema), &[]);
            if let Some(example) = given.and_then(|given| given.named(kind)) {
                let value = self.data(example);
                content.examples.push(Example { name: None, summary: None, description: None, value });
            }
            contents.push(content);
        }
        contents
    }

    pub(super) fn headers(&mut self, spot: Spot<'t>) -> Vec<Header> {
        let mut headers = Vec::new();
        for (name, node) in spot.get(words::HEADERS).into_iter().flat_map(Spot::all) {
            let Some(node) = self.follow(node) else { continue };
            let content = node.get(words::CONTENT).and_then(|content| content.entries().next());
            headers.push(Header {
                name: name.to_owned(),
                required: node.flag(words::REQUIRED),
                deprecated: node.flag(words::DEPRECATED),
                description: self.prose(node, words::DESCRIPTION),
                schema: self.schema_beside(node, content.map(|(_, content)| content)),
                explode: node.flag(words::EXPLODE),
                content: content.map(|(media_type, _)| media_type.to_owned()),
            });
        }
        headers
    }
}

/// `200`, `4XX`, `default`; however they are written.
fn status(said: &str) -> Option<Status> {
    let said = said.trim();
    if said.eq_ignore_ascii_case("default") {
        return Some(Status::Default);
    }
    let (first, rest) = (said.chars().next()?.to_digit(10)?, said.get(1..)?);
    if rest.eq_ignore_ascii_case("xx") {
        return (1..=5).contains(&first).then_some(Status::Range(first as u8));
    }
    let exact: u16 = said.parse().ok()?;
    (100..=999).contains(&exact).then_some(Status::Exact(exact))
}
