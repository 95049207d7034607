//! Lists and counts: which index a question is answered from, and the SQL for it.
//!
//! SQLite keeps no statistics of our data and would guess; so the choice is made here, from a bounded
//! look at how many documents each filter leaves, and the SQL leaves SQLite no other way to go.

use ports::{Direction, Document, DocumentPage, Error, Filter, Index, Query, Result};
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, params, params_from_iter};

use super::cursor::{self, Position};
use super::{failed, read, signed, unsigned};

/// A filter that leaves at most this many documents is cheaper to gather and sort than an order is to walk.
const GATHER: u64 = 4000;

/// Largest page.
const MAX_LIMIT: usize = 1000;

/// Most values of one `In` filter; SQLite's own limit is far above.
const MAX_VALUES: usize = 1000;

/// The value a document has for a field, or NULL. By the key of `document_field`: one step down a tree.
/// A scalar subquery, because SQLite may turn EXISTS into a join and start from the wrong end.
const FIELD_OF: &str = "(SELECT x.value FROM document_field x WHERE x.document = ";

/// Refuses a question that cannot be answered.
pub(super) fn check(query: &Query) -> Result<()> {
    if !(1..=MAX_LIMIT).contains(&query.limit) {
        let limit = query.limit;
        return Err(Error::Invalid(format!("limit is {limit}; it must be from 1 to {MAX_LIMIT}")));
    }
    check_filters(query)
}

/// Refuses filters that cannot be answered.
pub(super) fn check_filters(query: &Query) -> Result<()> {
    for filter in &query.filters {
        if let Filter::In(field, values) = filter
            && values.len() > MAX_VALUES
        {
            let found = values.len();
            let why = format!("the filter on {field} has {found} values; at most {MAX_VALUES} are allowed");
            return Err(Error::Invalid(why));
        }
    }
    Ok(())
}

/// One page, from after `position`.
pub(super) fn page(c: &Connection, query: &Query, position: Option<&Position>) -> Result<DocumentPage> {
    let failed = failed("list documents");
    let start = start_for(c, query).map_err(&failed)?;
    let select = select_positions(query, start, position)?;
    let mut statement = c.prepare_cached(&select.sql).map_err(&failed)?;
    let found = statement.query_map(params_from_iter(select.params), |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, Sql>(1)?, row.get::<_, String>(2)?))
    });
    let mut found: Vec<_> = found.and_then(Iterator::collect).map_err(&failed)?;
    // One more than asked for was read, to know whether there is a next page.
    let more = found.len() > query.limit;
    found.truncate(query.limit);
    let next = found
        .last()
        .filter(|_| more)
        .map(|(_, value, id)| cursor::encode(query, Position { value: index_value(value), id: id.clone() }));
    let mut body_of =
        c.prepare_cached("SELECT revision, body FROM document WHERE key = ?1").map_err(&failed)?;
    let mut items = Vec::with_capacity(found.len());
    for (key, _, id) in found {
        let (revision, body): (i64, String) =
            body_of.query_row(params![key], |row| Ok((row.get(0)?, row.get(1)?))).map_err(&failed)?;
        let body = read::parse(&body, || format!("{}/{id}", query.kind))?;
        items.push(Document { kind: query.kind.to_owned(), id, revision: unsigned(revision), body });
    }
    Ok(DocumentPage { items, next })
}

/// How many documents match.
pub(super) fn count(c: &Connection, query: &Query) -> Result<u64> {
    let failed = failed("count documents");
    // Every filter field is a possible start here: no order has to be kept.
    let start = most_selective(c, query, &filter_fields(query)).map_err(&failed)?;
    let mut select = Select::default();
    match start {
        None => {
            select.push("SELECT count(*) FROM document d WHERE d.kind = ", [Sql::from(query.kind.to_owned())])
        }
        Some((field, _)) => {
            select.push("SELECT count(*) FROM document_field f", []);
            select.push_entry("f", query, field, &query.filters);
            select.push_others(query, "f.document", &[field]);
        }
    }
    let n: i64 = c
        .prepare_cached(&select.sql)
        .and_then(|mut s| s.query_row(params_from_iter(select.params), |row| row.get(0)))
        .map_err(&failed)?;
    Ok(unsigned(n))
}

/// Which index a list is read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    /// In the order asked for, skipping what does not match.
    Order,
    /// From the documents a filter leaves, sorted afterwards (or sorted already, when that filter allows
    /// one value and the order is by id).
    Field(&'static str),
}

fn start_for(c: &Connection, query: &Query) -> rusqlite::Result<Start> {
    let fields: Vec<_> = filter_fields(query).into_iter().filter(|f| Some(*f) != query.order_by).collect();
    Ok(match most_selective(c, query, &fields)? {
        Some((field, left)) if left <= GATHER => Start::Field(field),
        _ if query.order_by.is_some() => Start::Order,
        _ => one_value_field(query).map_or(Start::Order, Start::Field),
    })
}

/// Index entries with one value are sorted by id already.
fn one_value_field(query: &Query) -> Option<&'static str> {
    query.filters.iter().find_map(|filter| match filter {
        Filter::In(field, values) if values.len() == 1 => Some(*field),
        _ => None,
    })
}

fn filter_fields(query: &Query) -> Vec<&'static str> {
    let mut fields = Vec::new();
    for filter in &query.filters {
        let field = field_of(filter);
        if !fields.contains(&field) {
            fields.push(field);
        }
    }
    fields
}

/// The field whose filters leave the fewest documents, and how many, counted up to just above `GATHER`.
fn most_selective(
    c: &Connection,
    query: &Query,
    fields: &[&'static str],
) -> rusqlite::Result<Option<(&'static str, u64)>> {
    let mut best = None;
    for field in fields {
        let mut select = Select::default();
        select.push("SELECT count(*) FROM (SELECT 1 FROM document_field f", []);
        select.push_entry("f", query, field, &query.filters);
        select.push(" LIMIT ", [Sql::from(signed(GATHER + 1))]);
        select.push(")", []);
        let left: i64 =
            c.prepare_cached(&select.sql)?.query_row(params_from_iter(select.params), |row| row.get(0))?;
        let left = unsigned(left);
        if best.is_none_or(|(_, fewest)| left < fewest) {
            best = Some((*field, left));
        }
    }
    Ok(best)
}

/// Finds key, order value and id of a page's documents, and of one more.
fn select_positions(query: &Query, start: Start, position: Option<&Position>) -> Result<Select> {
    let mut select = Select::default();
    let filters = filters_within(query, position)?;
    let (past, way) = match query.direction {
        Direction::Ascending => (">", "ASC"),
        Direction::Descending => ("<", "DESC"),
    };
    let Some(order) = query.order_by else {
        let id = match start {
            Start::Order => {
                let kind = [Sql::from(query.kind.to_owned())];
                select.push("SELECT d.key, NULL, d.id FROM document d WHERE d.kind = ", kind);
                select.push_others(query, "d.key", &[]);
                "d.id"
            }
            Start::Field(field) => {
                select.push("SELECT f.document, NULL, f.id FROM document_field f", []);
                select.push_entry("f", query, field, &filters);
                select.push_others(query, "f.document", &[field]);
                "f.id"
            }
        };
        if let Some(position) = position {
            select.push(&format!(" AND {id} {past} "), [Sql::from(position.id.clone())]);
        }
        select.push(&format!(" ORDER BY {id} {way} LIMIT "), [Sql::from(signed(query.limit as u64 + 1))]);
        return Ok(select);
    };
    match start {
        Start::Order => {
            select.push("SELECT o.document, o.value, o.id FROM document_field o", []);
            select.push_entry("o", query, order, &filters);
            select.push_others(query, "o.document", &[order]);
        }
        Start::Field(field) => {
            // CROSS JOIN makes SQLite keep this order of tables.
            select.push(
                "SELECT o.document, o.value, o.id FROM document_field f CROSS JOIN document_field o",
                [],
            );
            select.push_entry("f", query, field, &filters);
            select.push(" AND o.document = f.document AND o.field = ", [Sql::from(order.to_owned())]);
            select.push_filters("o.value", order, &filters);
            select.push_others(query, "f.document", &[field, order]);
        }
    }
    if let Some(Position { value: Some(value), id }) = position {
        select.push(&format!(" AND (o.value, o.id) {past} ("), [sql_value(value)]);
        select.push(", ", [Sql::from(id.clone())]);
        select.push(")", []);
    }
    let limit = [Sql::from(signed(query.limit as u64 + 1))];
    select.push(&format!(" ORDER BY o.value {way}, o.id {way} LIMIT "), limit);
    Ok(select)
}

/// The filters, without those that the position makes superfluous: an index is entered at one point only,
/// which must be the position and not the bound it already keeps.
fn filters_within(query: &Query, position: Option<&Position>) -> Result<Vec<Filter>> {
    let Some(Position { value: Some(at), .. }) = position else { return Ok(query.filters.clone()) };
    let mut within = Vec::new();
    for filter in &query.filters {
        let kept = match (filter, query.direction) {
            (Filter::AtLeast(field, bound), Direction::Ascending) if Some(*field) == query.order_by => {
                at >= bound
            }
            (Filter::Below(field, bound), Direction::Descending) if Some(*field) == query.order_by => {
                at < bound
            }
            _ => {
                within.push(filter.clone());
                true
            }
        };
        if !kept {
            return Err(Error::Invalid("this cursor is not one of ours; start again without it".to_owned()));
        }
    }
    Ok(within)
}

fn field_of(filter: &Filter) -> &'static str {
    match filter {
        Filter::In(field, _) | Filter::AtLeast(field, _) | Filter::Below(field, _) => field,
    }
}

fn sql_value(value: &Index) -> Sql {
    match value {
        Index::Int(n) => Sql::Integer(*n),
        Index::Text(text) => Sql::Text(text.clone()),
    }
}

fn index_value(value: &Sql) -> Option<Index> {
    match value {
        Sql::Integer(n) => Some(Index::Int(*n)),
        Sql::Text(text) => Some(Index::Text(text.clone())),
        _ => None,
    }
}

/// SQL and its parameters, growing together so that they cannot get out of step.
#[derive(Debug, Default)]
struct Select {
    sql: String,
    params: Vec<Sql>,
}

impl Select {
    /// Adds text, then one placeholder for each parameter.
    fn push(&mut self, sql: &str, params: impl IntoIterator<Item = Sql>) {
        self.sql.push_str(sql);
        for (n, param) in params.into_iter().enumerate() {
            self.sql.push_str(if n == 0 { "?" } else { ", ?" });
            self.params.push(param);
        }
    }

    /// Enters the index of a field, within the filters on it.
    fn push_entry(&mut self, alias: &str, query: &Query, field: &str, filters: &[Filter]) {
        self.push(&format!(" WHERE {alias}.kind = "), [Sql::from(query.kind.to_owned())]);
        self.push(&format!(" AND {alias}.field = "), [Sql::from(field.to_owned())]);
        self.push_filters(&format!("{alias}.value"), field, filters);
    }

    /// Applies all filters on one field to an expression.
    fn push_filters(&mut self, value: &str, field: &str, filters: &[Filter]) {
        for filter in filters.iter().filter(|f| field_of(f) == field) {
            self.push_filter(value, filter);
        }
    }

    /// Looks the remaining filter fields up in each document.
    fn push_others(&mut self, query: &Query, key: &str, done: &[&str]) {
        for filter in query.filters.iter().filter(|f| !done.contains(&field_of(f))) {
            // The field's name is one of ours, a constant of the code; quotes in it are doubled all the same.
            let field = field_of(filter).replace('\'', "''");
            self.push_filter(&format!("{FIELD_OF}{key} AND x.field = '{field}')"), filter);
        }
    }

    fn push_filter(&mut self, value: &str, filter: &Filter) {
        match filter {
            Filter::In(_, values) => {
                self.push(&format!(" AND {value} IN ("), values.iter().map(sql_value));
                self.push(")", []);
            }
            Filter::AtLeast(_, bound) => self.push(&format!(" AND {value} >= "), [sql_value(bound)]),
            Filter::Below(_, bound) => self.push(&format!(" AND {value} < "), [sql_value(bound)]),
        }
    }
}

#[cfg(test)]
mod tests;
