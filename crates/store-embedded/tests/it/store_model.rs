//! The store against a model in memory: any sequence of commits, with reopening in between.

use std::collections::BTreeMap;

use ports::{
    Direction, DocumentChange, Error, Expected, Filter, Index, JournalPart, JournalPosition, JournalRecord,
    Op, Query, Store,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use store_embedded::StateStore;

const FIELDS: [&str; 3] = ["a", "b", "c"];

#[derive(Clone, Debug)]
enum Step {
    Commit(Vec<Op>),
    Reopen,
}

fn expected() -> impl Strategy<Value = Expected> {
    prop_oneof![
        4 => Just(Expected::Any),
        2 => Just(Expected::Absent),
        3 => (0..4_u64).prop_map(Expected::Exactly),
    ]
}

fn id() -> impl Strategy<Value = String> {
    prop_oneof!["[a-d]", Just("ü'\0".to_owned())]
}

fn value() -> impl Strategy<Value = Index> {
    prop_oneof![(-2..3_i64).prop_map(Index::Int), "[xyü]{0,2}".prop_map(Index::Text)]
}

fn fields() -> impl Strategy<Value = Vec<(&'static str, Index)>> {
    (proptest::sample::subsequence(FIELDS.to_vec(), 0..=3), proptest::collection::vec(value(), 3))
        .prop_map(|(fields, values)| fields.into_iter().zip(values).collect())
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (id(), expected(), any::<f64>(), fields()).prop_map(|(id, expected, n, index)| Op::Put {
            kind: "thing", id, expected, body: json!({ "n": n }), index,
        }),
        1 => (id(), expected()).prop_map(|(id, expected)| Op::Delete { kind: "thing", id, expected }),
        2 => ("[jk]", expected(), proptest::collection::vec(0..9_i64, 0..3)).prop_map(|(journal, expected, records)| {
            Op::Append { journal, expected, records: records.into_iter().map(Value::from).collect() }
        }),
        1 => ("[jk]", expected(), 0..6_u64).prop_map(|(journal, expected, before)| Op::Trim { journal, expected, before }),
        1 => ("[jk]", expected()).prop_map(|(journal, expected)| Op::Drop { journal, expected }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => proptest::collection::vec(op(), 1..4).prop_map(Step::Commit),
        1 => Just(Step::Reopen),
    ]
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    documents: BTreeMap<String, (u64, Value, BTreeMap<&'static str, Index>)>,
    /// All records ever appended, and how many were trimmed.
    journals: BTreeMap<String, (Vec<Value>, usize)>,
    /// The newest change of each document: position, revision.
    feed: BTreeMap<String, (u64, Option<u64>)>,
    newest: u64,
}

impl Model {
    /// The model after a commit and the positions it gives; none when it conflicts.
    fn after(&self, ops: &[Op]) -> Option<(Self, Vec<u64>)> {
        let mut model = self.clone();
        let positions = ops.iter().map(|op| model.apply(op)).collect::<Option<_>>()?;
        Some((model, positions))
    }

    fn apply(&mut self, op: &Op) -> Option<u64> {
        let met = |expected: &Expected, found: u64| match expected {
            Expected::Any => true,
            Expected::Absent => found == 0,
            Expected::Exactly(n) => found == *n,
        };
        match op {
            Op::Put { id, expected, body, index, .. } => {
                let old = self.documents.get(id).map_or(0, |(revision, ..)| *revision);
                met(expected, old).then(|| {
                    self.documents
                        .insert(id.clone(), (old + 1, body.clone(), index.iter().cloned().collect()));
                    self.change(id, Some(old + 1));
                    old + 1
                })
            }
            Op::Delete { id, expected, .. } => {
                let old = self.documents.get(id).map_or(0, |(revision, ..)| *revision);
                met(expected, old).then(|| {
                    if self.documents.remove(id).is_some() {
                        self.change(id, None);
                    }
                    0
                })
            }
            Op::Append { journal, expected, records } => {
                let old = self.length(journal);
                met(expected, old).then(|| {
                    if !records.is_empty() {
                        self.journals.entry(journal.clone()).or_default().0.extend(records.iter().cloned());
                    }
                    old + records.len() as u64
                })
            }
            Op::Trim { journal, expected, before } => {
                let length = self.length(journal);
                met(expected, length).then(|| {
                    if let Some((records, trimmed)) = self.journals.get_mut(journal) {
                        *trimmed = (*trimmed).max(records.len().min(before.saturating_sub(1) as usize));
                    }
                    length
                })
            }
            Op::Drop { journal, expected } => met(expected, self.length(journal)).then(|| {
                self.journals.remove(journal);
                0
            }),
        }
    }

    fn length(&self, journal: &str) -> u64 {
        self.journals.get(journal).map_or(0, |(records, _)| records.len()) as u64
    }

    fn change(&mut self, id: &str, revision: Option<u64>) {
        self.newest += 1;
        self.feed.insert(id.to_owned(), (self.newest, revision));
    }

    fn list(&self, query: &Query) -> Vec<String> {
        let mut matching: Vec<_> = self
            .documents
            .iter()
            .filter(|(_, (.., index))| {
                let ordered = query.order_by.is_none_or(|field| index.contains_key(field));
                ordered
                    && query.filters.iter().all(|filter| match filter {
                        Filter::In(field, values) => index.get(field).is_some_and(|v| values.contains(v)),
                        Filter::AtLeast(field, bound) => index.get(field).is_some_and(|v| v >= bound),
                        Filter::Below(field, bound) => index.get(field).is_some_and(|v| v < bound),
                    })
            })
            .collect();
        matching.sort_by_key(|(id, (.., index))| (query.order_by.map(|field| &index[field]), *id));
        if query.direction == Direction::Descending {
            matching.reverse();
        }
        matching.into_iter().map(|(id, _)| id.clone()).collect()
    }
}

async fn check_same(store: &StateStore, model: &Model, queries: &[Query]) {
    for (id, (revision, body, _)) in &model.documents {
        let found = store.get("thing", id).await.unwrap().expect("in the model");
        assert_eq!((found.revision, &found.body), (*revision, body));
    }
    let mut parts = Vec::new();
    for (name, (records, trimmed)) in &model.journals {
        let found = store.read_journal(name, 0, usize::MAX).await.unwrap();
        let expect = (1..).zip(records.iter().cloned()).skip(*trimmed);
        let expect: Vec<_> = expect.map(|(sequence, body)| JournalRecord { sequence, body }).collect();
        assert_eq!(found, expect);
        let length = store.journal_length(name).await.unwrap();
        assert_eq!((length.length, length.trimmed), (records.len() as u64, *trimmed as u64));
        parts.extend((!found.is_empty()).then(|| JournalPart { journal: name.clone(), records: found }));
    }
    let start = JournalPosition::default();
    assert_eq!(store.journals_after("", &start, usize::MAX, usize::MAX).await.unwrap().parts, parts);
    let names: Vec<_> = model.journals.keys().cloned().collect();
    assert_eq!(store.journals("", "", 10).await.unwrap(), names);
    let mut feed: Vec<_> = model
        .feed
        .iter()
        .map(|(id, (sequence, revision))| DocumentChange {
            sequence: *sequence,
            kind: "thing".to_owned(),
            id: id.clone(),
            revision: *revision,
        })
        .collect();
    feed.sort_by_key(|change| change.sequence);
    assert_eq!(store.changes(0, usize::MAX).await.unwrap(), feed);
    assert_eq!(*store.watch().borrow(), model.newest);
    for query in queries {
        check_list(store, model, query).await;
    }
}

async fn check_list(store: &StateStore, model: &Model, query: &Query) {
    let (mut found, mut cursor) = (Vec::new(), None);
    loop {
        let page = store.list(&query.clone().cursor(cursor)).await.unwrap();
        found.extend(page.items.into_iter().map(|d| d.id));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(found, model.list(query), "{query:?}");
    let all = Query { order_by: None, ..query.clone() };
    assert_eq!(store.count(query).await.unwrap(), model.list(&all).len() as u64, "{query:?}");
}

fn query() -> impl Strategy<Value = Query> {
    let field = || proptest::sample::select(&FIELDS[..]);
    let filter = prop_oneof![
        (field(), proptest::collection::vec(value(), 0..3)).prop_map(|(f, values)| Filter::In(f, values)),
        (field(), value()).prop_map(|(f, v)| Filter::AtLeast(f, v)),
        (field(), value()).prop_map(|(f, v)| Filter::Below(f, v)),
    ];
    let direction = prop_oneof![Just(Direction::Ascending), Just(Direction::Descending)];
    (proptest::collection::vec(filter, 0..3), proptest::option::of(field()), direction, 1..4_usize).prop_map(
        |(filters, order_by, direction, limit)| Query {
            filters,
            order_by,
            direction,
            limit,
            ..Query::of("thing")
        },
    )
}

async fn check(steps: Vec<Step>, queries: Vec<Query>) {
    let folder = tempfile::tempdir().unwrap();
    let mut store = StateStore::open(folder.path()).unwrap();
    let mut model = Model::default();
    for step in steps {
        match step {
            Step::Commit(ops) => match (store.commit(ops.clone()).await, model.after(&ops)) {
                (Ok(commit), Some((after, positions))) => {
                    assert_eq!(commit.positions, positions);
                    let change = if after.newest == model.newest { 0 } else { after.newest };
                    assert_eq!(commit.change, change);
                    model = after;
                }
                (Err(Error::Conflict { .. }), None) => {}
                (found, expect) => panic!("{ops:?} gave {found:?} instead of {expect:?}"),
            },
            Step::Reopen => {
                drop(store);
                store = StateStore::open(folder.path()).unwrap();
            }
        }
    }
    check_same(&store, &model, &queries).await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_commits_matches_the_model(
        steps in proptest::collection::vec(step(), 1..30),
        queries in proptest::collection::vec(query(), 8),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(check(steps, queries));
    }
}
