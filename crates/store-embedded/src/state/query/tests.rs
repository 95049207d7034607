//! Which way SQLite goes for each kind of question, read from its own plan.

use rusqlite::types::ToSql;

use super::super::{StateOptions, schema};
use super::*;

fn plan(query: &Query, start: Start, position: Option<&Position>) -> String {
    let folder = tempfile::tempdir().unwrap();
    let c = schema::open_for_writing(&folder.path().join("state.db"), StateOptions::default()).unwrap();
    let select = select_positions(query, start, position).unwrap();
    let params: Vec<&dyn ToSql> = select.params.iter().map(|p| p as &dyn ToSql).collect();
    let mut explain = c.prepare(&format!("EXPLAIN QUERY PLAN {}", select.sql)).unwrap();
    let steps = explain.query_map(&params[..], |row| row.get::<_, String>(3)).unwrap();
    steps.map(std::result::Result::unwrap).collect::<Vec<_>>().join("\n")
}

fn newest_first() -> Query {
    Query::of("incident").order("opened_at", Direction::Descending)
}

fn at(ms: i64) -> Position {
    Position { value: Some(Index::Int(ms)), id: "inc_1".to_owned() }
}

fn open() -> Filter {
    Filter::In("status", vec![Index::Text("open".to_owned())])
}

#[track_caller]
fn check_plan(query: &Query, start: Start, position: Option<&Position>, expect: &str) {
    assert_eq!(plan(query, start, position), expect);
}

#[test]
fn an_order_is_walked_from_the_cursor_on() {
    let entered =
        "SEARCH o USING COVERING INDEX document_field_by_value (kind=? AND field=? AND (value,id)<(?,?))";
    check_plan(&newest_first(), Start::Order, Some(&at(5)), entered);
}

#[test]
fn a_cursor_takes_the_place_of_the_bound_behind_it() {
    let query = newest_first().filter(Filter::Below("opened_at", Index::Int(9)));
    let entered =
        "SEARCH o USING COVERING INDEX document_field_by_value (kind=? AND field=? AND (value,id)<(?,?))";
    check_plan(&query, Start::Order, Some(&at(5)), entered);
    assert!(select_positions(&query, Start::Order, Some(&at(9))).is_err(), "a cursor outside the bound");
}

#[test]
fn other_filters_are_looked_up_by_document() {
    let plan = plan(&newest_first().filter(open()), Start::Order, Some(&at(5)));
    let steps: Vec<_> = plan.lines().collect();
    assert!(steps[0].starts_with("SEARCH o USING COVERING INDEX document_field_by_value"), "{plan}");
    assert!(steps[1].starts_with("CORRELATED SCALAR SUBQUERY"), "{plan}");
    assert_eq!(steps[2], "SEARCH x USING PRIMARY KEY (document=? AND field=?)", "{plan}");
    assert_eq!(steps.len(), 3, "nothing is sorted: {plan}");
}

#[test]
fn a_selective_filter_goes_first() {
    let plan = plan(&newest_first().filter(open()), Start::Field("status"), Some(&at(5)));
    let steps: Vec<_> = plan.lines().collect();
    assert_eq!(
        steps[0], "SEARCH f USING COVERING INDEX document_field_by_value (kind=? AND field=? AND value=?)",
        "{plan}"
    );
    assert_eq!(steps[1], "SEARCH o USING PRIMARY KEY (document=? AND field=?)", "{plan}");
}

#[test]
fn one_value_by_id_needs_no_sorting() {
    let position = Position { value: None, id: "inc_1".to_owned() };
    let entered =
        "SEARCH f USING COVERING INDEX document_field_by_value (kind=? AND field=? AND value=? AND id>?)";
    check_plan(&Query::of("incident").filter(open()), Start::Field("status"), Some(&position), entered);
}

#[test]
fn ids_are_walked_from_the_cursor_on() {
    let position = Position { value: None, id: "inc_1".to_owned() };
    let plan = plan(&Query::of("incident"), Start::Order, Some(&position));
    assert!(plan.starts_with("SEARCH d USING COVERING INDEX"), "{plan}");
    assert!(plan.ends_with("(kind=? AND id>?)"), "{plan}");
}
