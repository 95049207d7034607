//! Placeholders come back as what they stand for, and nothing else does.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;

use super::*;

const NONCE: &str = "0123456789abcdef";
const NO_PATH: [&str; 0] = [];

fn resolved(mut value: Value, secrets: &[(&str, Value)]) -> Result<Value, SecretError> {
    let secrets: BTreeMap<_, _> = secrets.iter().map(|(n, v)| (*n, Secret::new(v.clone()))).collect();
    resolve(&mut value, NONCE, |name| secrets.get(name))?;
    Ok(value)
}

fn hold(name: &str, path: &[&str]) -> String {
    placeholder(NONCE, name, path)
}

#[test]
fn a_placeholder_becomes_the_value_wherever_it_stands() {
    let secrets = [("gh", json!({"token": "s3cret!", "ids": [7, 8], "on": true})), ("plain", json!("p w"))];
    for (given, expect) in [
        (json!(hold("plain", &[])), json!("p w")),
        (json!(hold("gh", &[])), secrets[0].1.clone()),
        (json!(hold("gh", &["ids", "1"])), json!(8)),
        (json!(format!("Bearer {}", hold("gh", &["token"]))), json!("Bearer s3cret!")),
        (
            json!(format!("{}-{}-{}", hold("gh", &["ids", "0"]), hold("gh", &["on"]), hold("plain", &[]))),
            json!("7-true-p w"),
        ),
        (json!({"a": [{"b": hold("gh", &["token"])}], "c": 1}), json!({"a": [{"b": "s3cret!"}], "c": 1})),
    ] {
        assert_eq!(resolved(given.clone(), &secrets), Ok(expect), "{given}");
    }
}

#[test]
fn what_does_not_fit_is_named_and_nothing_is_replaced() {
    let secrets = [("gh", json!({"token": "s3cret!"}))];
    let unknown = SecretError::Unknown { name: "other".into() };
    let no_field = SecretError::NoField { name: "gh".into(), field: "tokken.x".into() };
    for (given, expect) in [
        (json!([hold("gh", &["token"]), hold("other", &[])]), unknown),
        (json!(hold("gh", &["tokken", "x"])), no_field),
        (json!(format!("x{}", hold("gh", &[]))), SecretError::NotText { name: "gh".into() }),
        (json!({ hold("gh", &["token"]): 1 }), SecretError::AsKey { name: "gh".into() }),
    ] {
        let mut value = given.clone();
        let held = Secret::new(secrets[0].1.clone());
        let error = resolve(&mut value, NONCE, |name| (name == "gh").then_some(&held)).unwrap_err();
        assert_eq!(error, expect);
        assert_eq!(value, given, "the value was changed although it failed");
    }
}

#[test]
fn what_a_secret_holds_is_not_searched_again() {
    let sly = hold("gh", &["token"]);
    let secrets = [("sly", json!(sly.clone())), ("gh", json!({"token": "s3cret!"}))];
    assert_eq!(resolved(json!(hold("sly", &[])), &secrets), Ok(json!(sly)));
}

#[test]
fn names_are_found_before_anything_is_fetched() {
    let value = json!({"a": [hold("x", &["y"]), "text"], "b": {"c": format!("{}{}", hold("z", &[]), hold("x", &[]))}});
    assert_eq!(names(&value, NONCE).into_iter().collect::<Vec<_>>(), ["x", "z"]);
    assert_eq!(names(&value, "other"), BTreeSet::new());
    assert_eq!(names(&json!(placeholder("", "x", &NO_PATH)), ""), BTreeSet::new());
}

#[test]
fn an_answer_that_echoes_a_secret_is_cleaned() {
    let secret = Secret::new(json!({"token": "s3cret!", "longer": "s3cret!-and-more", "pin": "12"}));
    let mut value = json!(hold("gh", &[]));
    let revealed = resolve(&mut value, NONCE, |_| Some(&secret)).unwrap();
    assert_eq!(revealed.hide("401 for s3cret!-and-more, s3cret!"), "401 for [secret], [secret]");
    let mut answer = json!({"got": ["Bearer s3cret!"], "s3cret!": 12});
    revealed.hide_in(&mut answer);
    assert_eq!(answer, json!({"got": ["Bearer [secret]"], "[secret]": 12}));
    assert!(!format!("{revealed:?}{secret:?}").contains("s3c"));
}

#[test]
fn people_read_the_name() {
    let text = format!("token {} sent", hold("gh", &["token"]));
    assert_eq!(readable(&text), "token $secrets.gh.token sent");
    assert_eq!(readable("homeostat-secret~ nothing"), "homeostat-secret~ nothing");
}

#[test]
fn a_placeholder_survives_a_uri() {
    let text = placeholder(&nonce(b"seed"), "a b/ü", &["x.y~z", ""]);
    assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b)), "{text}");
}

proptest! {
    #[test]
    fn any_name_and_path_come_back(name in ".*", path in prop::collection::vec(".*", 0..4), around in "[^~]*") {
        let text = format!("{around}{}{around}", placeholder(NONCE, &name, &path));
        let found: Vec<_> = placeholders(&text, Some(NONCE)).collect();
        prop_assert_eq!(found.len(), 1);
        prop_assert_eq!(&found[0].name, &name);
        prop_assert_eq!(&found[0].path, &path);
    }

    #[test]
    fn foreign_text_never_resolves(
        pieces in prop::collection::vec(prop_oneof![
            Just(START.to_owned()),
            Just("~".to_owned()),
            Just("gh.token~".to_owned()),
            Just("~~gh~".to_owned()),
            "[0-9a-f]{0,15}",
            "[0-9a-f]{17,40}",
            ".{0,12}",
        ], 0..12),
        foreign in "[0-9a-f]{1,32}",
    ) {
        prop_assume!(foreign != NONCE);
        let mut text = pieces.concat();
        text.push_str(&placeholder(&foreign, "gh", &["token"]));
        prop_assume!(!text.contains(NONCE));
        let mut value = json!({"a": [text.clone()]});
        let secret = Secret::new(json!({"token": "s3cret!"}));
        let before = value.clone();
        resolve(&mut value, NONCE, |_| Some(&secret)).unwrap();
        prop_assert_eq!(value, before);
    }

    #[test]
    fn no_error_tells_a_value(
        path in prop::collection::vec("[a-z0-9]{0,3}", 0..3),
        around in "[ -~]{0,4}",
        key in any::<bool>(),
    ) {
        let secret = Secret::new(json!({"a": {"b": "TOPSECRET"}, "l": ["TOPSECRET"], "n": null}));
        let text = format!("{around}{}{around}", placeholder(NONCE, "gh", &path));
        let mut value = if key { json!({ text: 1 }) } else { json!(text) };
        if let Err(error) = resolve(&mut value, NONCE, |name| (name == "gh").then_some(&secret)) {
            let told = format!("{error} {error:?}");
            prop_assert!(!told.contains("TOPSECRET"), "{}", told);
        }
    }
}

#[test]
fn what_is_shown_can_be_put_back_and_nothing_else() {
    let nonce = nonce(b"run");
    let token = placeholder(&nonce, "gh", &["token"]);
    let whole = placeholder(&nonce, "db", &[""; 0]);
    let hidden =
        json!({"header": format!("Bearer {token}"), "url": format!("x?{whole}&{token}."), token.as_str(): 1});
    let mut shown = hidden.clone();
    make_readable(&mut shown);
    assert_eq!(
        shown,
        json!({"header": "Bearer $secrets.gh.token", "url": "x?$secrets.db&$secrets.gh.token.", "$secrets.gh.token": 1})
    );
    let mut back = shown.clone();
    make_hidden(&mut back, &hidden);
    assert_eq!(back, hidden);
    // A secret that the value did not hold stays words, also where its name begins as one that it held.
    let others =
        json!(["$secrets.other", "$secrets.gh.token2", "$secrets.db.user", "$secrets.", "$secrets.gh"]);
    let mut same = others.clone();
    make_hidden(&mut same, &hidden);
    assert_eq!(same, others);
}
