//! Sentences for people about causes. No judgement is made here.

use model::{FailureClass, Finding, FindingKind};

/// What happened to a service, after its name: `checkout` + ` crashed`.
pub(crate) fn happened(class: FailureClass) -> &'static str {
    match class {
        FailureClass::Crash => "crashed",
        FailureClass::CrashLoop => "crashes again and again after each start",
        FailureClass::Hang => "runs but does not answer",
        FailureClass::MemoryLeak => "leaks memory",
        FailureClass::CpuSpin => "burns the processor",
        FailureClass::SlowDependency => "answers slowly",
        FailureClass::BadRelease => "fails since its new release",
        FailureClass::BadConfig => "fails since its new configuration",
        FailureClass::DiskFull => "runs out of disk",
        FailureClass::LogFlood => "floods its log",
        FailureClass::Unknown => "is in trouble of an unknown kind",
    }
}

/// What it does to those that wait for it.
fn harms(class: FailureClass) -> &'static str {
    match class {
        FailureClass::SlowDependency | FailureClass::CpuSpin | FailureClass::LogFlood => "slows",
        _ => "affects",
    }
}

/// The title of a cause: `payments answers slowly and slows checkout and gateway (p95 latency 812 ms, …)`.
pub(crate) fn title(service: &str, class: FailureClass, victims: &[&str], main: Option<&Finding>) -> String {
    let mut text = format!("{service} {}", happened(class));
    if !victims.is_empty() {
        text.push_str(&format!(" and {} {}", harms(class), list(victims)));
    }
    if let Some(finding) = main.filter(|f| !f.summary.is_empty()) {
        text.push_str(&format!(" ({})", clip(&finding.summary, 120)));
    }
    text
}

/// `a`, `a and b`, `a, b and c`, `a, b, c and 7 more`.
pub(crate) fn list(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] if names.len() <= 4 => format!("{} and {last}", first.join(", ")),
        _ => format!("{} and {} more", names[..3].join(", "), names.len() - 3),
    }
}

/// Who departed first and when the next one did, of places in order with their milliseconds.
pub(crate) fn first(order: &[(String, i64)]) -> String {
    let Some((name, at)) = order.first() else { return String::new() };
    let together: Vec<&str> = order.iter().filter(|o| o.1 == *at).map(|o| o.0.as_str()).collect();
    match (together.as_slice(), order.get(together.len())) {
        ([_], Some((next, later))) => format!("{name} moved first, then {next} {} ms later", later - at),
        ([_], None) => format!("{name} moved first"),
        (several, None) => format!("{} moved at the same moment", list(several)),
        (several, Some((next, later))) => {
            format!("{} moved first and together, then {next} {} ms later", list(several), later - at)
        }
    }
}

/// At most `max` characters; findings quote what others wrote, which may be huge.
pub(crate) fn clip(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Three digits that matter: `812`, `0.0312`, `1.85e9`.
pub(crate) fn number(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 || !value.is_finite() {
        format!("{value}")
    } else if (1e-3..1e6).contains(&size) {
        let decimals = (2 - size.log10().floor() as i32).clamp(0, 5) as usize;
        format!("{value:.decimals$}")
    } else {
        format!("{value:.2e}")
    }
}

/// A kind of finding, for people.
pub(crate) fn kind(kind: FindingKind) -> &'static str {
    match kind {
        FindingKind::ProbeFailure => "failing probes",
        FindingKind::ProcessExit => "a process exit",
        FindingKind::RestartLoop => "a restart loop",
        FindingKind::ErrorRate => "errors",
        FindingKind::Latency => "slow answers",
        FindingKind::CpuSaturation => "a busy processor",
        FindingKind::MemoryLeak => "growing memory",
        FindingKind::DiskFilling => "a filling disk",
        FindingKind::LogNewPattern => "a new log pattern",
        FindingKind::LogBurst => "a burst of logs",
        FindingKind::LogAnomaly => "unusual log lines",
        FindingKind::MetricAnomaly => "an unusual metric",
        FindingKind::BudgetBurn => "a missed objective",
        FindingKind::Alert => "an alert",
    }
}

/// The longest fixed part of a log template, to search for.
pub(crate) fn query(template: &str) -> String {
    let longest = template.split("<*>").map(str::trim).max_by_key(|part| part.len()).unwrap_or_default();
    clip(longest, 200)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_read_like_english_and_hostile_text_is_clipped() {
        assert_eq!(list(&["a"]), "a");
        assert_eq!(list(&["a", "b", "c"]), "a, b and c");
        assert_eq!(list(&["a", "b", "c", "d", "e"]), "a, b, c and 2 more");
        assert_eq!(clip("äöü", 2), "äö…");
        assert_eq!(query("order <*> failed: no space left on <*>"), "failed: no space left on");
        assert_eq!(query("<*>"), "");
    }

    #[test]
    fn who_moved_first_is_said_without_a_wait_of_nothing() {
        let check = |order: &[(&str, i64)], expect: &str| {
            let order: Vec<(String, i64)> = order.iter().map(|(n, ms)| ((*n).to_owned(), *ms)).collect();
            assert_eq!(first(&order), expect);
        };
        check(&[("checkout", 0), ("gateway", 400)], "checkout moved first, then gateway 400 ms later");
        check(&[("checkout", 0), ("payments", 0)], "checkout and payments moved at the same moment");
        check(
            &[("checkout", 5), ("payments", 5), ("gateway", 905)],
            "checkout and payments moved first and together, then gateway 900 ms later",
        );
        check(&[], "");
    }
}
