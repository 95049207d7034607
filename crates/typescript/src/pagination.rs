//! Lists that come in pages: what the document says (`x-…-pagination`), else what names of parameters and properties tell.

use openapi::api::{In, Kind, Operation, SchemaId, extension};
use serde_json::Value;

use crate::code::Code;
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
}

impl Paging {
    pub(crate) fn code(&self) -> Code {
        let fields = self.fields.iter().map(|(name, value)| {
            let number = value.chars().all(|c| c.is_ascii_digit()) && !value.is_empty() && *name == "first";
            ((*name).to_owned(), Code::Raw(if number { value.clone() } else { quoted(value) }))
        });
        Code::Call(self.function.to_owned(), vec![Code::Object(fields.collect())])
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
pub(crate) fn detect(plan: &Plan<'_>, operation: &Operation) -> Option<Paging> {
    if operation.method != "get" {
        return None;
    }
    let response = operation.responses.iter().find(|r| r.status.is_success() && !r.contents.is_empty())?;
    let body = response.contents.iter().find_map(|content| content.schema)?;
    let page = Page::of(plan, body);
    if let Some(said) = extensions(plan, operation, &page) {
        return Some(said);
    }
    let (items, item) = page.items()?;
    let item = Types::new(plan, Way::Read).of(item);
    let named = |names: &[&str]| {
        let query = operation.parameters.iter().filter(|p| p.place == In::Query);
        query.map(|p| p.name.as_str()).find(|name| names.contains(&small(name).as_str())).map(str::to_owned)
    };
    let size = named(&SIZES);
    let with_size = |mut fields: Vec<(&'static str, String)>| {
        fields.extend(size.clone().map(|size| ("size", size)));
        fields
    };
    let items_field = ("items", items.clone());
    if let Some(parameter) = named(&CURSORS) {
        if let Some(next) = page.find(&NEXT_CURSORS, is_cursor) {
            return Some(Paging {
                function: "cursorPages",
                fields: vec![items_field, ("parameter", parameter), ("next", next)],
                item,
            });
        }
        let more = page
            .find(&["has_more", "hasmore", "has_next", "hasnext", "has_next_page", "hasnextpage"], |k| {
                matches!(k, Kind::Boolean)
            });
        let by_last = small(&parameter).contains("after") && page.item_has("id");
        if let (Some(more), true) = (more, by_last) {
            let fields =
                vec![items_field, ("parameter", parameter), ("last", "id".to_owned()), ("more", more)];
            return Some(Paging { function: "cursorPages", fields, item });
        }
    }
    let links = [
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
    let link = page.find(&links, |kind| matches!(kind, Kind::String(_)));
    let number = named(&NUMBERS);
    if let Some(parameter) = number {
        let mut fields = vec![items_field, ("parameter", parameter.clone())];
        if starts_at_zero(plan, operation, &parameter) {
            fields.push(("first", "0".to_owned()));
        }
        let mut fields = with_size(fields);
        fields.extend(page.find(&PAGE_TOTALS, is_number).map(|pages| ("pages", pages)));
        // Without a size or a count, the last page could only be told by an empty one after it: that is still an end.
        return Some(Paging { function: "numberedPages", fields, item });
    }
    if let (Some(parameter), true) = (named(&OFFSETS), size.is_some()) {
        let mut fields = with_size(vec![items_field, ("parameter", parameter)]);
        fields.extend(page.find(&TOTALS, is_number).map(|total| ("total", total)));
        return Some(Paging { function: "offsetPages", fields, item });
    }
    let header = response.headers.iter().any(|header| header.name.eq_ignore_ascii_case("link"));
    if let Some(next) = link.filter(|_| !operation.parameters.iter().all(|p| p.place == In::Path)) {
        return Some(Paging { function: "linkedPages", fields: vec![items_field, ("next", next)], item });
    }
    header.then_some(Paging { function: "linkedPages", fields: vec![items_field], item })
}

/// What the document says itself: `x-pagination`, Speakeasy's and Microsoft's extensions.
fn extensions(plan: &Plan<'_>, operation: &Operation, page: &Page<'_, '_>) -> Option<Paging> {
    let of = |name: &str| extension(&operation.extensions, name);
    let item_at = |path: &str| page.item_at(path).map(|id| Types::new(plan, Way::Read).of(id));
    if let Some(Value::Object(said)) = of("x-pagination") {
        let text = |name: &str| said.get(name).and_then(Value::as_str).map(str::to_owned);
        let items = text("items").or_else(|| page.items().map(|(items, _)| items))?;
        let item = item_at(&items)?;
        let function = match text("type").as_deref() {
            Some("cursor") => "cursorPages",
            Some("page") => "numberedPages",
            Some("offset") => "offsetPages",
            Some("link") => "linkedPages",
            _ => return None,
        };
        let mut fields = vec![("items", items)];
        for name in ["parameter", "next", "last", "more", "size", "pages", "total"] {
            fields.extend(text(name).map(|value| (name, value)));
        }
        return Some(Paging { function, fields, item });
    }
    if let Some(Value::Object(said)) = of("x-speakeasy-pagination") {
        let input = |kind: &str| {
            let inputs = said.get("inputs")?.as_array()?;
            let found =
                inputs.iter().find(|input| input.get("type").and_then(Value::as_str) == Some(kind))?;
            found.get("name")?.as_str().map(str::to_owned)
        };
        let output = |name: &str| {
            let path = said.get("outputs")?.get(name)?.as_str()?;
            Some(path.trim_start_matches("$.").trim_end_matches("[*]").trim_end_matches(".*").to_owned())
        };
        let items = output("results").or_else(|| page.items().map(|(items, _)| items))?;
        let item = item_at(&items)?;
        let mut fields = vec![("items", items)];
        let function = if let (Some(parameter), Some(next)) = (input("cursor"), output("nextCursor")) {
            fields.extend([("parameter", parameter), ("next", next)]);
            "cursorPages"
        } else if let Some(parameter) = input("page") {
            fields.push(("parameter", parameter));
            fields.extend(output("numPages").map(|pages| ("pages", pages)));
            "numberedPages"
        } else {
            fields.push(("parameter", input("offset")?));
            "offsetPages"
        };
        fields.extend(input("limit").map(|size| ("size", size)));
        return Some(Paging { function, fields, item });
    }
    if let Some(Value::Object(said)) = of("x-ms-pageable") {
        let next = said.get("nextLinkName")?.as_str()?.to_owned();
        let items = said.get("itemName").and_then(Value::as_str).unwrap_or("value").to_owned();
        let item = item_at(&items)?;
        return Some(Paging {
            function: "linkedPages",
            fields: vec![("items", items), ("next", next)],
            item,
        });
    }
    None
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
