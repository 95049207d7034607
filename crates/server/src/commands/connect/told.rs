//! How what was noticed in documents is printed.

use std::collections::BTreeMap;

use api::connectors::ConnectorDiagnostic;

/// Findings of a kind that are shown unless all are wanted.
const OF_A_KIND: usize = 5;

/// Findings, one or two lines each, those of a kind together; and how many are left out.
pub(super) fn findings(all: &[ConnectorDiagnostic], every: bool) -> Vec<String> {
    let mut order: Vec<&str> = Vec::new();
    let mut kinds: BTreeMap<&str, Vec<&ConnectorDiagnostic>> = BTreeMap::new();
    for one in all {
        if !kinds.contains_key(one.code.as_str()) {
            order.push(&one.code);
        }
        kinds.entry(&one.code).or_default().push(one);
    }
    let mut lines = Vec::new();
    for code in order {
        let of_kind = &kinds[code];
        let shown = if every { of_kind.len() } else { OF_A_KIND };
        let mut advice = None;
        for one in of_kind.iter().take(shown) {
            let place = &one.place;
            lines.push(format!(
                "{}:{}:{}: {}: {} [{code}]",
                place.file, place.line, place.column, one.severity, one.message
            ));
            // The same advice is said once.
            if one.suggestion.is_some() && one.suggestion != advice {
                advice.clone_from(&one.suggestion);
                lines.extend(advice.iter().map(|advice| format!("    to do: {advice}")));
            }
        }
        if of_kind.len() > shown {
            lines.push(format!("    … and {} more of this kind; --all shows them", of_kind.len() - shown));
        }
    }
    lines
}

/// How many there are: `1 error, 12 warnings, 3 notes`.
pub(super) fn counted(all: &[ConnectorDiagnostic]) -> String {
    let parts = ["error", "warning", "note"].map(|severity| {
        let number = all.iter().filter(|one| one.severity == severity).count();
        count(number, severity)
    });
    parts.join(", ")
}

/// `1 file`, `2 files`.
pub(super) fn count(number: usize, what: &str) -> String {
    let several = if number == 1 { "" } else { "s" };
    format!("{number} {what}{several}")
}

/// Title and version of an API, as far as it has them.
pub(super) fn named(api: &openapi::api::Api) -> String {
    let title = if api.info.title.is_empty() { "an API without a title" } else { &api.info.title };
    format!("{title} {}", api.info.version).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::connectors::ConnectorPlace;

    fn finding(code: &str, line: u32) -> ConnectorDiagnostic {
        let place = ConnectorPlace { file: "a.yaml".to_owned(), line, column: 2, pointer: String::new() };
        let suggestion = Some("do this".to_owned());
        let (severity, message) = ("warning".to_owned(), "is wrong".to_owned());
        ConnectorDiagnostic { severity, code: code.to_owned(), message, suggestion, place }
    }

    #[test]
    fn many_of_a_kind_are_few_lines() {
        let all: Vec<_> = (1..=7).map(|line| finding("a", line)).chain([finding("b", 9)]).collect();
        let lines = findings(&all, false);
        assert_eq!(lines[0], "a.yaml:1:2: warning: is wrong [a]");
        assert_eq!(lines[1], "    to do: do this");
        assert_eq!(lines[2], "a.yaml:2:2: warning: is wrong [a]");
        assert_eq!(lines[6], "    … and 2 more of this kind; --all shows them");
        assert_eq!((lines.len(), findings(&all, true).len()), (9, 10));
        assert_eq!(counted(&all), "0 errors, 8 warnings, 0 notes");
    }
}
