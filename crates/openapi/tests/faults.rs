//! What is wrong with real documents, one case for each kind: what is said, where, and what to do about it.
//!
//! `UPDATE_FAULTS=1` writes what is said now into the cases, to be read before it is committed.

use std::fmt::Write as _;

use openapi::{Bounds, Diagnostic};

const CASES: &str = include_str!("faults/cases.txt");
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/faults/cases.txt");

/// A document, and the lines that are expected of it.
struct Case {
    name: String,
    document: String,
    expect: Vec<String>,
}

fn cases() -> (String, Vec<Case>) {
    let mut parts = CASES.split("\n=== ");
    let head = parts.next().unwrap_or_default().to_owned();
    let case = |part: &str| {
        let (name, rest) = part.split_once('\n').unwrap();
        let (document, expect) = rest.split_once("\n--- said\n").unwrap();
        let expect = expect.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
        Case { name: name.to_owned(), document: document.to_owned(), expect }
    };
    (head, parts.map(case).collect())
}

/// Line, column, severity, code, message and advice.
fn line(found: &Diagnostic) -> String {
    let at = &found.location;
    let advice = found.suggestion.as_ref().map(|advice| format!(" => {advice}")).unwrap_or_default();
    format!("{}:{} {} {}: {}{advice}", at.line, at.column, found.severity.name(), found.code, found.message)
}

fn said(document: &str) -> Vec<String> {
    let nothing = &mut |_: &str| Err("there is no such file".to_owned());
    match openapi::read("x.yaml", document, nothing, &Bounds::default()) {
        Ok(outcome) => outcome.diagnostics.iter().map(line).collect(),
        Err(refused) => vec![line(&refused)],
    }
}

#[test]
fn every_fault_is_told_with_its_place_and_what_to_do() {
    let (head, cases) = cases();
    if std::env::var_os("UPDATE_FAULTS").is_some() {
        let mut text = head;
        for case in &cases {
            let lines = said(&case.document).join("\n");
            let _ = write!(text, "\n=== {}\n{}\n--- said\n{lines}\n", case.name, case.document);
        }
        std::fs::write(FILE, text).unwrap();
        return;
    }
    for case in &cases {
        assert_eq!(said(&case.document), case.expect, "{}", case.name);
    }
}

/// A kind without a case is a kind that nobody has looked at.
#[test]
fn every_kind_of_fault_has_a_case() {
    let (_, cases) = cases();
    let told: Vec<&str> = cases.iter().flat_map(|case| case.expect.iter().map(String::as_str)).collect();
    let lacking: Vec<_> = KINDS
        .split_whitespace()
        .filter(|kind| !told.iter().any(|line| line.contains(&format!(" {kind}: "))))
        .collect();
    assert!(lacking.is_empty(), "no case: {lacking:?}");
}

const KINDS: &str = "alias-circle beside-reference discriminator-mapping discriminator-without-property \
    duplicate-key duplicate-operation-id duplicate-parameter duplicate-status duplicate-tag enum-empty \
    enum-value-type file-missing host-with-scheme info-missing items-list items-missing key-not-text keyword-untold \
    limit-not-number method-letters not-openapi not-readable not-strict-json not-text parameter-without-name \
    parameter-without-place path-parameter-optional path-parameter-renamed path-parameter-undescribed \
    path-parameter-unused path-without-slash paths-missing properties-not-object reference-broken reference-circle \
    required-not-list responses-missing schema-not-object security-scheme-incomplete security-scheme-missing \
    security-scheme-unknown server-without-url status-unknown type-unknown variants-alike variants-missing \
    version-unknown";
