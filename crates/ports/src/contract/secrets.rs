//! What every [`Secrets`] must do. [`secrets_contract!`](crate::secrets_contract) makes a test of each function.
//!
//! Each takes a way to make a store that holds these names and texts, and nothing else.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::secrets::{SECRET_BYTES_MAX, Secrets};

/// Makes a test of each check. `$open` is an async closure from names and texts to `Arc<dyn Secrets>`.
#[macro_export]
macro_rules! secrets_contract {
    ($open:expr) => {
        $crate::contract_tests! { secrets, $open,
            an_object_is_an_object_and_all_else_is_text
            what_is_not_there_is_none
            names_are_listed_in_order
            a_hostile_name_finds_nothing
            what_is_too_large_is_refused_without_showing_it
        }
    };
}

/// Names and texts of a store.
type Held = Vec<(String, String)>;

fn held(entries: &[(&str, &str)]) -> Held {
    entries.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

/// Checks what kinds of text become.
pub async fn an_object_is_an_object_and_all_else_is_text(open: impl AsyncFn(Held) -> Arc<dyn Secrets>) {
    let cases: &[(&str, &str, Value)] = &[
        ("OBJECT", r#" {"username": "u", "password": "p"}"#, json!({"username": "u", "password": "p"})),
        ("TEXT", "plain text", json!("plain text")),
        ("NUMBER", "0123", json!("0123")),
        ("QUOTED", "\"q\"", json!("\"q\"")),
        ("LIST", "[1]", json!("[1]")),
        ("BROKEN", "{not json", json!("{not json")),
        ("LINE", "with a line end\n", json!("with a line end")),
        ("LINES", "-----BEGIN\nKEY-----\n", json!("-----BEGIN\nKEY-----")),
        ("EMPTY", "", json!("")),
    ];
    let entries: Vec<_> = cases.iter().map(|(name, text, _)| (*name, *text)).collect();
    let store = open(held(&entries)).await;
    for (name, _, expect) in cases {
        let secret =
            store.get(name).await.expect("a secret that can be read").expect("a secret that is there");
        assert_eq!(secret.expose(), expect, "{name}");
    }
}

/// Checks names that are not there.
pub async fn what_is_not_there_is_none(open: impl AsyncFn(Held) -> Arc<dyn Secrets>) {
    let store = open(held(&[("ONE", "1")])).await;
    assert!(store.get("TWO").await.expect("an answer").is_none());
    assert!(store.get("ON").await.expect("an answer").is_none());
}

/// Checks the list.
pub async fn names_are_listed_in_order(open: impl AsyncFn(Held) -> Arc<dyn Secrets>) {
    let store = open(held(&[("ZOO", "1"), ("ANT", "2"), ("MOLE_2", "3")])).await;
    assert_eq!(store.names().await.expect("the names"), ["ANT", "MOLE_2", "ZOO"]);
    assert_eq!(open(Vec::new()).await.names().await.expect("the names"), Vec::<String>::new());
}

/// Checks that a name is never anything but a name.
pub async fn a_hostile_name_finds_nothing(open: impl AsyncFn(Held) -> Arc<dyn Secrets>) {
    let store = open(held(&[("ONE", "1")])).await;
    let long = "X".repeat(100_000);
    for name in ["", ".", "..", "./ONE", "../ONE", "ONE/", "/etc/passwd", "ONE\0", "O NE", "é", "=ONE", &long]
    {
        assert!(store.get(name).await.expect("an answer").is_none(), "{name:?}");
    }
}

/// Checks the size limit and what an error tells.
pub async fn what_is_too_large_is_refused_without_showing_it(open: impl AsyncFn(Held) -> Arc<dyn Secrets>) {
    let large = "hidden".repeat(SECRET_BYTES_MAX / 6 + 1);
    let store = open(held(&[("LARGE", &large)])).await;
    let error = store.get("LARGE").await.expect_err("a refusal");
    let told = format!("{error} {error:?}");
    assert!(told.contains("LARGE"), "it does not say which: {told}");
    assert!(!told.contains("hidden"), "it shows the secret: {told}");
}
