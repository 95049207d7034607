//! `bench correlate`: the grouping of alert streams whose faults are known, several at once, scored by the
//! adjusted Rand index (Hubert and Arabie 1985). One configuration; each stream once, in the order of its
//! times, as the product would see it. What came of leaving parts out is in the decision record.

mod read;
mod score;

use std::path::Path;
use std::time::Instant;

use diagnose::correlate::{Alert, Correlator, Settings, Told};
use serde_json::{Map, Value, json};

use self::read::Stream;
use self::score::adjusted_rand;
use crate::say;

/// Alerts that speed is measured on.
const SPEED_ALERTS: usize = 200_000;

/// What came out for one stream.
struct Outcome {
    /// Index of the final grouping, and of the first place that each alert was given.
    last: f64,
    first: f64,
    faults: usize,
    groups: usize,
}

/// Groups every labelled stream below `data` and prints the scores; with `json` one object as last line.
///
/// # Errors
/// The folder holds no labelled alerts, or a file of it cannot be read.
pub(super) fn run(data: &Path, json: bool) -> Result<(), String> {
    let streams = read::labelled(data)?;
    if streams.is_empty() {
        return Err(format!("no labelled alerts below {}; unpack the alerts data there", data.display()));
    }
    let settings = settings()?;
    say::out(format!("{:<48} {:>6} {:>6}  alerts  faults  groups", "stream", "ARI", "first"));
    let (mut last, mut first) = (Map::new(), Map::new());
    for stream in &streams {
        let o = judge(stream, settings);
        let (name, alerts) = (&stream.name, stream.alerts.len());
        say::out(format!(
            "{name:<48} {:>6.3} {:>6.3} {alerts:>7} {:>7} {:>7}",
            o.last, o.first, o.faults, o.groups
        ));
        last.insert(name.clone(), Value::from(o.last));
        first.insert(name.clone(), Value::from(o.first));
    }
    let alerts_per_s = speed(&streams, settings);
    say::out(format!("{alerts_per_s:.0} alerts/s on one core, held back {} ms", settings.hold_ms));
    if json {
        say::out(
            json!({"ari": last, "ari_first": first, "alerts_per_s": alerts_per_s, "hold_ms": settings.hold_ms}),
        );
    }
    Ok(())
}

/// The shipped settings; `HOMEOSTAT_CORRELATE` replaces single ones, for ablations: `{"pair": 0}`.
fn settings() -> Result<Settings, String> {
    match std::env::var("HOMEOSTAT_CORRELATE") {
        Ok(text) => serde_json::from_str(&text).map_err(|e| format!("HOMEOSTAT_CORRELATE: {e}")),
        Err(_) => Ok(Settings::default()),
    }
}

fn judge(stream: &Stream, settings: Settings) -> Outcome {
    let (mut first, mut last) = (vec![0; stream.alerts.len()], vec![0; stream.alerts.len()]);
    group(&stream.alerts, settings, |told| match told {
        Told::Placed { alert, group, .. } => {
            first[alert.0 as usize] = group.0;
            last[alert.0 as usize] = group.0;
        }
        Told::Moved { alert, group, .. } => last[alert.0 as usize] = group.0,
        Told::Closed { .. } => {}
    });
    let distinct = |of: &[u64]| of.iter().collect::<std::collections::BTreeSet<_>>().len();
    Outcome {
        last: adjusted_rand(&stream.faults, &last),
        first: adjusted_rand(&stream.faults, &first),
        faults: distinct(&stream.faults),
        groups: distinct(&last),
    }
}

fn group(alerts: &[Alert], settings: Settings, mut hear: impl FnMut(Told)) {
    let mut correlator = Correlator::new(settings);
    for alert in alerts {
        correlator.add(alert.clone()).1.into_iter().for_each(&mut hear);
    }
    correlator.flush().into_iter().for_each(hear);
}

/// Alerts a second, all streams in turn.
fn speed(streams: &[Stream], settings: Settings) -> f64 {
    let (mut alerts, began) = (0, Instant::now());
    while alerts < SPEED_ALERTS {
        for stream in streams {
            group(&stream.alerts, settings, |told| drop(std::hint::black_box(told)));
            alerts += stream.alerts.len();
        }
    }
    alerts as f64 / began.elapsed().as_secs_f64().max(1e-9)
}
