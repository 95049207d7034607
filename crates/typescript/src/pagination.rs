//! Lists that come in pages: what the document says (`x-…-pagination`), else what names of parameters and properties tell.

use openapi::api::{In, Kind, Media, Operation, SchemaId, extension};
use serde_json::Value;

use crate::Note;
use crate::code::Code;
use crate::options::{Pages, PagesBy, PagesIn};
use crate::plan::{Plan, Way};
use crate::print::quoted;
use crate::ty::Type;
use crate::types::Types;

/// How an operation gives its pages.
#[derive(Debug)]
pub(crate) struct Paging {
    /// The function of `pagination.ts`.
    pub(crate) function: &'static str,
    fields: Vec<(&'static str, String)>,
    /// What the items are.
    pub(crate) item: Type,
    /// Whether a page is asked for in the body.
    in_body: bool,
}

impl Paging {
    pub(crate) fn code(&self) -> Code {
        let mut fields: Vec<(String, Code)> = Vec::new();
        for (name, value) in &self.fields {
            let value = if *name == "first" { value.clone() } else { quoted(value) };
            fields.push(((*name).to_owned(), Code::Raw(value)));
            if self.in_body && *name == "items" {
                fields.push(("place".to_owned(), Code::raw("\"body\"")));
            }
        }
        Code::Call(self.function.to_owned(), vec![Code::Object(fields)])
    }
}

const CURSORS: [&str; 22] = [
    "cursor",
    "after",
    "page_token",
    "pagetoken",
    "next_token",
    "nexttoken",
    "starting_after",
    "startingafter",
    "start_cursor",
    "startcursor",
    "continuation_token",
    "continuationtoken",
    "continue",
    "marker",
    "page_cursor",
    "pagecursor",
    "next_cursor",
    "nextcursor",
    "next",
    "after_cursor",
    "aftercursor",
    "token",
];
const NUMBERS: [&str; 6] = ["page", "page_number", "pagenumber", "page[number]", "page_no", "p"];
const OFFSETS: [&str; 8] =
    ["offset", "skip", "start", "startat", "start_at", "page[offset]", "from", "startindex"];
const SIZES: [&str; 22] = [
    "limit",
    "per_page",
    "perpage",
    "page_size",
    "pagesize",
    "size",
    "max_results",
    "maxresults",
    "count",
    "page[size]",
    "page[limit]",
    "pagelen",
    "top",
    "first",
    "max",
    "results",
    "rows",
    "num",
    "items_per_page",
    "itemsperpage",
    "maxitems",
    "take",
];
const NEXT_CURSORS: [&str; 24] = [
    "next_cursor",
    "nextcursor",
    "next_page_token",
    "nextpagetoken",
    "next_token",
    "nexttoken",
    "continuation_token",
    "continuationtoken",
    "next_page_cursor",
    "nextpagecursor",
    "end_cursor",
    "endcursor",
    "cursor",
    "after",
    "next_marker",
    "nextmarker",
    "next_page",
    "nextpage",
    "continue",
    "next_page_id",
    "nextpageid",
    "next",
    "nextpagestart",
    "page_token",
];
const MORE: [&str; 6] = ["has_more", "hasmore", "has_next", "hasnext", "has_next_page", "hasnextpage"];
const LINKS: [&str; 9] = [
    "next",
    "next_url",
    "nexturl",
    "next_page_uri",
    "next_page_url",
    "nextpageurl",
    "next_link",
    "nextlink",
    "@odata.nextlink",
];
const TOTALS: [&str; 10] = [
    "total",
    "total_count",
    "totalcount",
    "total_items",
    "totalitems",
    "total_results",
    "totalresults",
    "total_entries",
    "total_size",
    "totalsize",
];
const PAGE_TOTALS: [&str; 8] =
    ["total_pages", "totalpages", "page_count", "pagecount", "last_page", "lastpage", "num_pages", "pages"];
const ITEMS: [&str; 12] = [
    "data",
    "items",
    "results",
    "records",
    "values",
    "entries",
    "list",
    "rows",
    "resources",
    "content",
    "objects",
    "elements",
];
/// Objects in a page that say where it stands.
const ABOUT: [&str; 14] = [
    "meta",
    "paging",
    "pagination",
    "page",
    "page_info",
    "pageinfo",
    "links",
    "_links",
    "response_metadata",
    "metadata",
    "result_info",
    "next",
    "pages",
    "cursors",
];

/// How an operation gives its pages; nothing when it gives one answer.
pub(crate) fn detect(plan: &Plan<'_>, operation: &Operation, notes: &mut Vec<Note>) -> Option<Paging> {
    let wished = plan.options.pagination.iter().find(|wish| is_meant(operation, &wish.operation));
    let response = operation.responses.iter().find(|r| r.status.is_success() && !r.contents.is_empty());
    let body = response.and_then(|response| response.contents.iter().find_map(|content| content.schema));
    let lists = Lists::of(plan, operation, body.map(|body| Page::of(plan, body)));
    if let Some(wish) = wished {
        let pages = wish.pages.as_ref()?;
        return lists
            .said(pages)
            .map_err(|why| {
                let message = format!("the pages of `{}` are not as the options say: {why}", wish.operation);
                notes.push(Note::at(plan.api, operation.at, "pagination-not-possible", message));
            })
            .ok();
    }
    lists.page.as_ref()?;
    if let Some(said) = lists.extension() {
        return lists
            .said(&said)
            .map_err(|why| {
                let message = format!("the pages are not as the document says: {why}");
                notes.push(Note::at(plan.api, operation.at, "pagination-not-possible", message));
            })
            .ok();
    }
    let header =
        response.is_some_and(|r| r.headers.iter().any(|header| header.name.eq_ignore_ascii_case("link")));
    lists.guessed(header)
}

/// Whether a name or a method with a path means an operation.
pub(crate) fn is_meant(operation: &Operation, text: &str) -> bool {
    operation.id.as_deref() == Some(text)
        || text.split_once(' ').is_some_and(|(method, path)| {
            operation.method.eq_ignore_ascii_case(method) && operation.path == path.trim()
        })
}

/// An operation as a list: what it is asked by, and what it answers.
struct Lists<'p, 'a> {
    plan: &'p Plan<'a>,
    operation: &'a Operation,
    page: Option<Page<'p, 'a>>,
    /// What can be asked for, by name: whether it stands in the body.
    asked: Vec<(String, bool)>,
}

impl<'p, 'a> Lists<'p, 'a> {
    fn of(plan: &'p Plan<'a>, operation: &'a Operation, page: Option<Page<'p, 'a>>) -> Self {
        let query = operation.parameters.iter().filter(|p| p.place == In::Query);
        let mut asked: Vec<(String, bool)> = query.map(|p| (p.name.clone(), false)).collect();
        let contents = operation.body.iter().flat_map(|body| &body.contents);
        let json = contents.filter(|content| content.media == Media::Json).find_map(|content| content.schema);
        if let Some(body) = json.filter(|_| operation.method != "get") {
            let mut properties = Vec::new();
            Page { plan, body, fields: Vec::new() }.properties(body, &mut properties, 8);
            asked.extend(properties.into_iter().map(|(name, _)| (name.to_string(), true)));
        }
        Self { plan, operation, page, asked }
    }

    /// The first that can be asked for with one of these names.
    fn named(&self, names: &[&str]) -> Option<(String, bool)> {
        self.asked.iter().find(|(name, _)| names.contains(&small(name).as_str())).cloned()
    }

    /// What the options or the document say.
    fn said(&self, pages: &Pages) -> Result<Paging, String> {
        let page = self.page.as_ref().ok_or("it answers with nothing that is described")?;
        let items = match &pages.items {
            Some(items) => items.clone(),
            None => page.items().ok_or("no list of items is found; say `items`")?.0,
        };
        let item = page.item_at(&items).ok_or_else(|| format!("there is no list at `{items}`"))?;
        let item = Types::new(self.plan, Way::Read).of(item);
        let in_body = match (&pages.parameter, pages.place) {
            (_, Some(place)) => place == PagesIn::Body,
            (Some(name), None) => self.asked.iter().any(|(known, body)| known == name && *body),
            (None, None) => false,
        };
        let function = match pages.by {
            PagesBy::Cursor => "cursorPages",
            PagesBy::Page => "numberedPages",
            PagesBy::Offset => "offsetPages",
            PagesBy::Link => "linkedPages",
        };
        let texts: &[(&'static str, &Option<String>)] = match pages.by {
            PagesBy::Cursor => &[
                ("parameter", &pages.parameter),
                ("next", &pages.next),
                ("last", &pages.last),
                ("more", &pages.more),
            ],
            PagesBy::Page => {
                &[("parameter", &pages.parameter), ("size", &pages.size), ("pages", &pages.pages)]
            }
            PagesBy::Offset => {
                &[("parameter", &pages.parameter), ("size", &pages.size), ("total", &pages.total)]
            }
            PagesBy::Link => &[("next", &pages.next)],
        };
        if pages.by != PagesBy::Link && pages.parameter.is_none() {
            return Err("say `parameter`: what asks for a page".to_owned());
        }
        if pages.by == PagesBy::Cursor && pages.next.is_none() && pages.last.is_none() {
            return Err("say `next` or `last`: where the next page begins".to_owned());
        }
        let mut fields = vec![("items", items)];
        fields.extend(texts.iter().filter_map(|(name, text)| Some((*name, (*text).clone()?))));
        if pages.by == PagesBy::Page {
            fields.extend(pages.first.map(|first| ("first", first.to_string())));
        }
        Ok(Paging { function, fields, item, in_body: in_body && pages.by != PagesBy::Link })
    }

    /// What names tell. Nothing that is asked for in a body but a cursor: a body says what is done, too.
    fn guessed(&self, link_header: bool) -> Option<Paging> {
        let page = self.page.as_ref()?;
        let (items, item) = page.items()?;
        let item = Types::new(self.plan, Way::Read).of(item);
        let made = |function, in_body, fields: Vec<(&'static str, String)>| {
            let fields = std::iter::once(("items", items.clone())).chain(fields).collect();
            Some(Paging { function, fields, item: item.clone(), in_body })
        };
        if let Some((parameter, in_body)) = self.named(&CURSORS) {
            if let Some(next) = page.find(&NEXT_CURSORS, is_cursor) {
                return made("cursorPages", in_body, vec![("parameter", parameter), ("next", next)]);
            }
            let more = page.find(&MORE, |kind| matches!(kind, Kind::Boolean));
            let by_last = small(&parameter).contains("after") && page.item_has("id");
            if let (Some(more), true) = (more, by_last) {
                let fields = vec![("parameter", parameter), ("last", "id".to_owned()), ("more", more)];
                return made("cursorPages", in_body, fields);
            }
        }
        if self.operation.method != "get" {
            return None;
        }
        let size = self.named(&SIZES).map(|(size, _)| ("size", size));
        if let Some((parameter, _)) = self.named(&NUMBERS) {
            // Without a size or a count, the last page could only be told by an empty one after it: that is still an end.
            let mut fields = vec![("parameter", parameter.clone())];
            if starts_at_zero(self.plan, self.operation, &parameter) {
                fields.push(("first", "0".to_owned()));
            }
            fields.extend(size);
            fields.extend(page.find(&PAGE_TOTALS, is_number).map(|pages| ("pages", pages)));
            return made("numberedPages", false, fields);
        }
        if let (Some((parameter, _)), Some(size)) = (self.named(&OFFSETS), size) {
            let mut fields = vec![("parameter", parameter), size];
            fields.extend(page.find(&TOTALS, is_number).map(|total| ("total", total)));
            return made("offsetPages", false, fields);
        }
        let link = page.find(&LINKS, |kind| matches!(kind, Kind::String(_)));
        let takes_query = !self.operation.parameters.iter().all(|p| p.place == In::Path);
        match link.filter(|_| takes_query) {
            Some(next) => made("linkedPages", false, vec![("next", next)]),
            None if link_header => made("linkedPages", false, Vec::new()),
            None => None,
        }
    }

    /// What the document says itself: `x-pagination`, Speakeasy's and Microsoft's extensions.
    fn extension(&self) -> Option<Pages> {
        let of = |name: &str| extension(&self.operation.extensions, name);
        if let Some(said @ Value::Object(_)) = of("x-pagination") {
            return serde_json::from_value(said).ok();
        }
        if let Some(Value::Object(said)) = of("x-speakeasy-pagination") {
            return speakeasy(&said);
        }
        if let Some(Value::Object(said)) = of("x-ms-pageable") {
            return Some(Pages {
                by: PagesBy::Link,
                items: Some(said.get("itemName").and_then(Value::as_str).unwrap_or("value").to_owned()),
                next: Some(said.get("nextLinkName")?.as_str()?.to_owned()),
                ..Pages::default()
            });
        }
        None
    }
}

fn speakeasy(said: &serde_json::Map<String, Value>) -> Option<Pages> {
    let input = |kind: &str| {
        let inputs = said.get("inputs")?.as_array()?;
        let found = inputs.iter().find(|input| input.get("type").and_then(Value::as_str) == Some(kind))?;
        let place = match found.get("in").and_then(Value::as_str) {
            Some("requestBody") => PagesIn::Body,
            _ => PagesIn::Query,
        };
        Some((found.get("name")?.as_str()?.to_owned(), place))
    };
    let output = |name: &str| {
        let path = said.get("outputs")?.get(name)?.as_str()?;
        Some(path.trim_start_matches("$.").trim_end_matches("[*]").trim_end_matches(".*").to_owned())
    };
    let next = output("nextCursor");
    let (by, (parameter, place)) = match (input("cursor").filter(|_| next.is_some()), input("page")) {
        (Some(cursor), _) => (PagesBy::Cursor, cursor),
        (None, Some(page)) => (PagesBy::Page, page),
        (None, None) => (PagesBy::Offset, input("offset")?),
    };
    Some(Pages {
        by,
        items: output("results"),
        parameter: Some(parameter),
        place: Some(place),
        next,
        size: input("limit").map(|(size, _)| size),
        pages: output("numPages"),
        ..Pages::default()
    })
}

fn small(name: &str) -> String {
    name.trim_start_matches('$').to_ascii_lowercase().replace('-', "_")
}

fn is_cursor(kind: &Kind) -> bool {
    matches!(kind, Kind::String(_) | Kind::Integer(_) | Kind::Any)
}

fn is_number(kind: &Kind) -> bool {
    matches!(kind, Kind::Integer(_) | Kind::Number(_))
}

fn starts_at_zero(plan: &Plan<'_>, operation: &Operation, name: &str) -> bool {
    let parameter = operation.parameters.iter().find(|p| p.name == name && p.place == In::Query);
    parameter.is_some_and(|parameter| {
        let schema = plan.schema(plan.api.resolve(parameter.schema));
        let zero = |value: Option<&Value>| value.and_then(Value::as_f64) == Some(0.0);
        let text = parameter.description.as_deref().unwrap_or_default().to_ascii_lowercase();
        zero(schema.default.as_deref())
            || text.contains("zero-based")
            || text.contains("0-based")
            || text.contains("zero based")
    })
}

/// The body of a page.
struct Page<'p, 'a> {
    plan: &'p Plan<'a>,
    body: SchemaId,
    /// Properties at the top, and one level down where they speak of the page: path and schema.
    fields: Vec<(String, SchemaId)>,
}

impl<'p, 'a> Page<'p, 'a> {
    fn of(plan: &'p Plan<'a>, body: SchemaId) -> Self {
        let mut page = Self { plan, body, fields: Vec::new() };
        page.gather(body, "", 3);
        page
    }

    fn gather(&mut self, id: SchemaId, before: &str, depth: usize) {
        let Some(depth) = depth.checked_sub(1) else { return };
        let mut properties: Vec<(Box<str>, SchemaId)> = Vec::new();
        self.properties(id, &mut properties, 8);
        for (name, schema) in properties {
            let path = if before.is_empty() { name.to_string() } else { format!("{before}.{name}") };
            self.fields.push((path.clone(), schema));
            if ABOUT.contains(&small(&name).as_str()) {
                self.gather(schema, &path, depth);
            }
        }
    }

    fn properties(&self, id: SchemaId, found: &mut Vec<(Box<str>, SchemaId)>, depth: usize) {
        let Some(depth) = depth.checked_sub(1) else { return };
        match &self.plan.schema(self.plan.api.resolve(id)).kind {
            Kind::Object(object) => found
                .extend(object.properties.iter().filter(|p| !p.implied).map(|p| (p.name.clone(), p.schema))),
            Kind::Intersection(parts) => parts.iter().for_each(|&part| self.properties(part, found, depth)),
            _ => {}
        }
    }

    fn kind(&self, id: SchemaId) -> &'a Kind {
        &self.plan.schema(self.plan.api.resolve(id)).kind
    }

    fn item_of(&self, id: SchemaId) -> Option<SchemaId> {
        match self.kind(id) {
            Kind::Array(array) if array.prefix.is_empty() => Some(array.items),
            _ => None,
        }
    }

    /// Where the items are, and what they are: the body itself, the property with a usual name, or the only list.
    fn items(&self) -> Option<(String, SchemaId)> {
        if let Some(item) = self.item_of(self.body) {
            return Some((String::new(), item));
        }
        let lists: Vec<(&str, SchemaId)> = self
            .fields
            .iter()
            .filter(|(path, _)| !path.contains('.'))
            .filter_map(|(path, id)| Some((path.as_str(), self.item_of(*id)?)))
            .collect();
        let usual = ITEMS.iter().find_map(|name| lists.iter().find(|(path, _)| small(path) == *name));
        let (path, item) = usual.or_else(|| (lists.len() == 1).then(|| &lists[0]))?;
        Some(((*path).to_owned(), *item))
    }

    fn item_at(&self, path: &str) -> Option<SchemaId> {
        if path.is_empty() {
            return self.item_of(self.body);
        }
        let found = path.split('.').try_fold(self.body, |id, name| {
            let mut properties = Vec::new();
            self.properties(id, &mut properties, 8);
            properties.into_iter().find(|(known, _)| **known == *name).map(|(_, schema)| schema)
        });
        self.item_of(found?)
    }

    fn item_has(&self, name: &str) -> bool {
        self.items().is_some_and(|(_, item)| self.plan.property(item, name).is_some())
    }

    /// The first property with one of these names, the best name first.
    fn find(&self, names: &[&str], fits: impl Fn(&Kind) -> bool) -> Option<String> {
        names.iter().find_map(|name| {
            let last = |path: &str| small(path.rsplit('.').next().unwrap_or(path));
            self.fields
                .iter()
                .find(|(path, id)| last(path) == *name && fits(self.kind(*id)))
                .map(|(path, _)| path.clone())
        })
    }
}
