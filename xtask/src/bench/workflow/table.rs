//! The table people read: our figures beside their targets, and each peer with its ratio.

use super::ours::Ours;
use super::peers::Peer;

/// Lines of the table.
pub(super) fn lines(ours: &Ours, peers: &[Peer]) -> Vec<String> {
    let mut lines = vec![format!("{:<56} {:>14}  {:<12} {}", "measure", "value", "target", "")];
    for row in rows(ours) {
        let met = match row.met {
            None => "",
            Some(true) => "met",
            Some(false) => "NOT met",
        };
        lines.push(
            format!("{:<56} {:>14}  {:<12} {met}", row.what, row.value, row.target).trim_end().to_owned(),
        );
    }
    if peers.is_empty() {
        return lines;
    }
    lines.push(String::new());
    lines.push(format!("{:<26} {:>14} {:>14} {:>14}", "40 durable steps", "ms", "of ours", "of ours synced"));
    let (ours_ms, synced_ms) = (ours.forty_steps_ms, ours.forty_steps_each_synced_ms);
    let mut notes = vec![
        "homeostat: synced at each point that the outside can see".to_owned(),
        "homeostat, every step: each step synced before the next".to_owned(),
    ];
    let line = |name: &str, ms: Option<f64>| {
        let shown = ms.map_or("not measured".to_owned(), |ms| format!("{ms:.1}"));
        let of = |base: f64| times(ms.map(|ms| ms / base));
        format!("{name:<26} {shown:>14} {:>14} {:>14}", of(ours_ms), of(synced_ms))
    };
    lines.push(line("homeostat", Some(ours_ms)));
    lines.push(line("homeostat, every step", Some(synced_ms)));
    for peer in peers {
        let name = format!("{} {}", peer.name, peer.version.as_deref().unwrap_or_default());
        lines.push(line(name.trim_end(), peer.forty_steps_ms));
        let note = peer.reason.as_deref().or(peer.durability.as_deref()).unwrap_or_default();
        notes.push(format!("{}: {}", peer.name, note.lines().next().unwrap_or_default()));
    }
    lines.push(String::new());
    lines.extend(notes);
    lines
}

struct Row {
    what: &'static str,
    value: String,
    target: &'static str,
    met: Option<bool>,
}

fn rows(ours: &Ours) -> Vec<Row> {
    let ms = |v: f64| format!("{v:.1} ms");
    let row = |what, value, target, met| Row { what, value, target, met };
    let free = |what, value| Row { what, value, target: "", met: None };
    // Flat: ten times the runs must not make a step twice as slow.
    let flat = |many: f64, few: f64| Some(many <= 2.0 * few);
    vec![
        row("40 durable steps", ms(ours.forty_steps_ms), "<= 40 ms", Some(ours.forty_steps_ms <= 40.0)),
        free("40 durable steps, every step synced", ms(ours.forty_steps_each_synced_ms)),
        free("40 durable HTTP steps to loopback", ms(ours.forty_http_steps_ms)),
        row(
            "durable steps a second, 1,000 runs in flight",
            format!("{:.0}", ours.steps_per_s),
            ">= 10,000",
            Some(ours.steps_per_s >= 10_000.0),
        ),
        free("step latency p50, 1,000 runs in flight", ms(ours.step_latency_1000_ms_p50)),
        free("step latency p99, 1,000 runs in flight", ms(ours.step_latency_1000_ms_p99)),
        row(
            "step latency p50, 10,000 runs in flight",
            ms(ours.step_latency_10000_ms_p50),
            "flat: <= 2x",
            flat(ours.step_latency_10000_ms_p50, ours.step_latency_1000_ms_p50),
        ),
        row(
            "step latency p99, 10,000 runs in flight",
            ms(ours.step_latency_10000_ms_p99),
            "flat: <= 2x",
            flat(ours.step_latency_10000_ms_p99, ours.step_latency_1000_ms_p99),
        ),
        free("memory of a waiting run", format!("{:.0} B", ours.bytes_per_waiting_run)),
        free("recovery of 100,000 open runs", format!("{:.1} s", ours.recovery_s_100k)),
        free("syncs to disk in one run of 40 synced steps", ours.fsyncs.to_string()),
        row(
            "official conformance kit",
            format!("{} of {}", ours.kit_passed, ours.kit_total),
            "all",
            Some(ours.kit_total > 0 && ours.kit_passed == ours.kit_total),
        ),
    ]
}

fn times(ratio: Option<f64>) -> String {
    match ratio {
        None => "-".to_owned(),
        Some(ratio) if ratio >= 10.0 => format!("{ratio:.0}x"),
        Some(ratio) => format!("{ratio:.1}x"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ours, peers};
    use super::*;

    fn ours(printed: &str) -> Ours {
        ours::parse(printed).unwrap()
    }

    #[test]
    fn targets_are_met_or_named() {
        let of = |text: &str| lines(&ours(text), &[]).join("\n");
        let fine = of(ours::tests::PRINTED);
        assert!(fine.contains("12.5 ms  <= 40 ms     met"), "{fine}");
        assert!(!fine.contains("NOT met"), "{fine}");
        for (from, to, part) in [
            ("12.5", "40.1", "40.1 ms  <= 40 ms     NOT met"),
            ("14000.0", "9999.0", "9999  >= 10,000    NOT met"),
            ("10000_ms_p50\":4.5", "10000_ms_p50\":8.1", "8.1 ms  flat: <= 2x  NOT met"),
            ("10000_ms_p99\":11.0", "10000_ms_p99\":18.1", "18.1 ms  flat: <= 2x  NOT met"),
            ("kit_passed\":21", "kit_passed\":20", "20 of 21  all          NOT met"),
        ] {
            let text = ours::tests::PRINTED.replace(from, to);
            assert_ne!(text, ours::tests::PRINTED, "{from}");
            assert!(of(&text).contains(part), "{part} is not in\n{}", of(&text));
        }
    }

    #[test]
    fn peers_stand_beside_ours_with_their_ratio_or_their_reason() {
        let absent = peers::Peer {
            version: None,
            durability: None,
            reason: Some("no network\nand more".to_owned()),
            ..peers::tests::peer("n8n", None)
        };
        let told = lines(&ours(ours::tests::PRINTED), &[peers::tests::peer("dbos", Some(93.0)), absent]);
        let dbos = told.iter().find(|l| l.starts_with("dbos 1.2.3")).unwrap();
        let words: Vec<&str> = dbos.split_whitespace().skip(2).collect();
        assert_eq!(words, ["93.0", "7.4x", "3.0x"]);
        let n8n: Vec<&String> = told.iter().filter(|l| l.starts_with("n8n")).collect();
        assert!(n8n[0].contains("not measured") && n8n[0].ends_with('-'), "{n8n:?}");
        assert_eq!(n8n[1], "n8n: no network");
        assert!(told.contains(&"dbos: each step synced".to_owned()), "{told:?}");
    }
}
