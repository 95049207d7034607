//! Real documents, damaged: cut, doubled, swapped, with values of other types. Whatever comes of it is read in bounded time,
//! and what was read can be planned, answered, checked and compared without a panic.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use openapi::{Bounds, Mock, MockRequest, Outcome, diff, plan, sample};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// What a document of some ten kilobytes may take, on a machine that is busy otherwise and without optimisation.
const WITHIN: Duration = Duration::from_secs(20);
/// Operations that are called; each is looked at.
const CALLED: usize = 12;

/// Documents of the repository: a little of everything, and proper ones.
fn documents() -> &'static [String] {
    static ALL: OnceLock<Vec<String>> = OnceLock::new();
    ALL.get_or_init(|| {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut paths = vec![root.join("tests/exchange/everything.yaml")];
        let samples = std::fs::read_dir(root.join("../../connectors/samples")).unwrap();
        paths.extend(
            samples
                .map(|entry| entry.unwrap().path())
                .filter(|path| path.extension().is_some_and(|e| e == "yaml")),
        );
        paths.sort();
        paths.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect()
    })
}

fn read(text: &str) -> Option<Outcome> {
    let nothing = &mut |_: &str| Err("there is nothing else".to_owned());
    let bounds = Bounds { values: 200_000, ..Bounds::default() };
    openapi::read("https://h/x.yaml", text, nothing, &bounds).ok()
}

/// Reads a document and does with it all that can be done.
fn survive(text: &str, original: &Outcome) {
    let begun = Instant::now();
    let Some(outcome) = read(text) else { return };
    for found in &outcome.diagnostics {
        assert!(found.location.line >= 1 && found.location.column >= 1, "{found}");
        assert!(!found.message.is_empty() && found.message.len() < 2_000, "{found}");
    }
    let api = Arc::new(outcome.api);
    let mock = Mock::new(Arc::clone(&api));
    for operation in api.operations.iter().take(CALLED) {
        let mut given = Map::new();
        for parameter in &operation.parameters {
            given.insert(parameter.name.clone(), sample(&api, parameter.schema, openapi::Way::Request));
        }
        let content =
            operation.body.iter().flat_map(|body| &body.contents).find_map(|content| content.schema);
        if let Some(schema) = content {
            given.insert("body".to_owned(), sample(&api, schema, openapi::Way::Request));
        }
        let _planned = plan(&api, operation, &given);
        for headers in [vec![], vec![("prefer".to_owned(), "code=404".to_owned())]] {
            let target = format!("{}?a=1&b[c]=2", operation.path);
            let body = br#"{"a": [1, null, {"b": "c"}]}"#.to_vec();
            let answer =
                mock.answer(&MockRequest { method: operation.method.clone(), target, headers, body });
            assert!((100..=999).contains(&answer.status), "{}", answer.status);
        }
    }
    let _forth = diff(&original.api, &api);
    let _back = diff(&api, &original.api);
    assert!(begun.elapsed() < WITHIN, "it took {:?}", begun.elapsed());
}

/// A place in a text, as a share of it.
fn at(text: &str, share: f64) -> usize {
    text.floor_char_boundary((text.len() as f64 * share) as usize)
}

#[derive(Clone, Debug)]
enum Damage {
    /// The text ends here.
    Cut(f64),
    /// A part of it is gone.
    Remove(f64, f64),
    /// A part of it is there twice.
    Double(f64, f64),
    /// Lines change places.
    Swap(f64, f64),
    /// Something is put in.
    Insert(f64, String),
    /// A value of the tree becomes another one.
    Value(f64, Value),
    /// A value of the tree is put in the place of another one.
    Move(f64, f64),
    /// A key of the tree gets another name.
    Rename(f64, String),
}

fn damage() -> impl Strategy<Value = Damage> {
    let share = || 0.0..1.0_f64;
    let short = || 0.0..0.05_f64;
    let odd = prop_oneof![
        Just(json!(null)),
        Just(json!(true)),
        Just(json!(-1)),
        Just(json!(1e308)),
        Just(json!("")),
        Just(json!("#/components/schemas/User")),
        Just(json!([])),
        Just(json!([[[]]])),
        Just(json!({})),
        Just(json!({"$ref": "#"})),
        Just(json!({"$ref": "#/paths"})),
        Just(json!({"allOf": [{"$ref": "#/components/schemas/User"}, {"type": ["string", "null"]}]})),
        Just(json!({"type": "object", "additionalProperties": {"$ref": "#/components"}})),
        ".{0,12}".prop_map(Value::from),
    ];
    let name = prop_oneof![
        Just("$ref".to_owned()),
        Just("allOf".to_owned()),
        Just("items".to_owned()),
        Just("type".to_owned()),
        Just("in".to_owned()),
        Just("__proto__".to_owned()),
        ".{0,8}",
    ];
    let inserted = prop_oneof![
        Just("\t".to_owned()),
        Just("\u{0}".to_owned()),
        Just("&a [*a]".to_owned()),
        Just("{{{{[[[[".to_owned()),
        Just("\n---\n".to_owned()),
        Just("$ref: '#/'".to_owned()),
        ".{0,20}",
    ];
    prop_oneof![
        share().prop_map(Damage::Cut),
        (share(), short()).prop_map(|(at, length)| Damage::Remove(at, length)),
        (share(), short()).prop_map(|(at, length)| Damage::Double(at, length)),
        (share(), share()).prop_map(|(one, other)| Damage::Swap(one, other)),
        (share(), inserted).prop_map(|(at, text)| Damage::Insert(at, text)),
        (share(), odd).prop_map(|(at, value)| Damage::Value(at, value)),
        (share(), share()).prop_map(|(from, to)| Damage::Move(from, to)),
        (share(), name).prop_map(|(at, name)| Damage::Rename(at, name)),
    ]
}

/// A document after damage to its text.
fn damaged_text(text: &str, damage: &Damage) -> String {
    match damage {
        Damage::Cut(share) => text[..at(text, *share)].to_owned(),
        Damage::Remove(from, length) => {
            let (from, to) = (at(text, *from), at(text, (from + length).min(1.0)));
            format!("{}{}", &text[..from], &text[to..])
        }
        Damage::Double(from, length) => {
            let (from, to) = (at(text, *from), at(text, (from + length).min(1.0)));
            format!("{}{}{}", &text[..to], &text[from..to], &text[to..])
        }
        Damage::Swap(one, other) => {
            let mut lines: Vec<&str> = text.lines().collect();
            let place = |share: &f64| (lines.len() as f64 * share) as usize;
            let (one, other) = (place(one), place(other));
            lines.swap(one, other);
            lines.join("\n")
        }
        Damage::Insert(share, inserted) => {
            let at = at(text, *share);
            format!("{}{inserted}{}", &text[..at], &text[at..])
        }
        Damage::Value(..) | Damage::Move(..) | Damage::Rename(..) => text.to_owned(),
    }
}

/// Pointers of every value.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    let mut go = |key: &str, value: &Value| {
        pointers(value, &format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), found);
    };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, value)| go(key, value)),
        Value::Array(items) => items.iter().enumerate().for_each(|(at, value)| go(&at.to_string(), value)),
        _ => {}
    }
}

/// A document after damage to its tree.
fn damaged_tree(tree: &mut Value, damage: &Damage) {
    let mut all = Vec::new();
    pointers(tree, "", &mut all);
    let pick = |share: f64| &all[((all.len() as f64 * share) as usize).min(all.len() - 1)];
    match damage {
        Damage::Value(share, value) => {
            if let Some(place) = tree.pointer_mut(pick(*share)) {
                *place = value.clone();
            }
        }
        Damage::Move(from, to) => {
            let value = tree.pointer(pick(*from)).cloned().unwrap_or_default();
            if let Some(place) = tree.pointer_mut(pick(*to)) {
                *place = value;
            }
        }
        Damage::Rename(share, name) => {
            if let Some(Value::Object(fields)) = tree.pointer_mut(pick(*share))
                && let Some(first) = fields.keys().next().cloned()
                && let Some(value) = fields.shift_remove(&first)
            {
                fields.insert(name.clone(), value);
            }
        }
        _ => {}
    }
}

/// A document as JSON: what damages trees needs one.
fn tree(which: usize) -> &'static Value {
    static ALL: OnceLock<Vec<Value>> = OnceLock::new();
    let all = ALL.get_or_init(|| {
        documents()
            .iter()
            .map(|text| serde_saphyr::from_str(text).expect("documents of the repository are proper"))
            .collect()
    });
    &all[which]
}

fn original(which: usize) -> &'static Outcome {
    static ALL: OnceLock<Vec<Outcome>> = OnceLock::new();
    let all = ALL.get_or_init(|| documents().iter().map(|text| read(text).expect("it is proper")).collect());
    &all[which]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn damaged_texts_are_read_in_time(which in 0..documents().len(), damages in prop::collection::vec(damage(), 1..4)) {
        let mut text = documents()[which].clone();
        for damage in &damages {
            text = damaged_text(&text, damage);
        }
        survive(&text, original(which));
    }

    #[test]
    fn damaged_trees_are_read_in_time(which in 0..documents().len(), damages in prop::collection::vec(damage(), 1..12)) {
        let mut tree = tree(which).clone();
        for damage in &damages {
            damaged_tree(&mut tree, damage);
        }
        survive(&tree.to_string(), original(which));
    }
}
