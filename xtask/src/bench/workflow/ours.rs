//! What the example `workflow` of `testkit` measures and prints.
//!
//! It is called with `--json --runs N` and prints one JSON object as the last line of standard output, with at least
//! the keys of [`Ours`]; others are kept and passed on. Each figure is a median, taken warm, on a store in a folder
//! of its own with the settings a server has.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::last_object;
use crate::run;

/// What must be there.
#[derive(Debug, Deserialize)]
pub(super) struct Ours {
    /// One workflow of 40 tiny steps that call nothing outside, from the request to start it until its end is seen,
    /// with one durable commit at each point that the outside can see.
    pub(super) forty_steps_ms: f64,
    /// The same with a durable commit after every step, as engines do that cannot tell such steps apart.
    pub(super) forty_steps_each_synced_ms: f64,
    /// The same with 40 HTTP calls to a server on loopback, each durable before the next.
    pub(super) forty_http_steps_ms: f64,
    /// Durable steps in a second, all runs together, with 1,000 runs in flight.
    pub(super) steps_per_s: f64,
    /// From a step that becomes possible until it is durable, with 1,000 runs in flight.
    pub(super) step_latency_1000_ms_p50: f64,
    /// The same, 99th percentile.
    pub(super) step_latency_1000_ms_p99: f64,
    /// From a step that becomes possible until it is durable, with 10,000 runs in flight.
    pub(super) step_latency_10000_ms_p50: f64,
    /// The same, 99th percentile.
    pub(super) step_latency_10000_ms_p99: f64,
    /// Resident memory that one more run takes while it waits, in bytes.
    pub(super) bytes_per_waiting_run: f64,
    /// From opening a store with 100,000 open runs until all of them go on, in seconds.
    pub(super) recovery_s_100k: f64,
    /// Times the data was synced to disk during one run of `forty_steps_each_synced_ms`, counted below the store.
    pub(super) fsyncs: u64,
    /// Scenarios of the official conformance kit that pass.
    pub(super) kit_passed: u64,
    /// Scenarios of the official conformance kit.
    pub(super) kit_total: u64,
    /// Everything that was printed.
    #[serde(skip)]
    printed: Map<String, Value>,
}

impl Ours {
    /// As it was printed.
    pub(super) fn to_json(&self) -> Map<String, Value> {
        self.printed.clone()
    }
}

/// Builds the example in release and runs it.
///
/// # Errors
/// It does not build, fails, or prints something else than agreed.
pub(super) fn measure(runs: usize) -> Result<Ours, String> {
    let mut command =
        run::cargo(&["run", "--quiet", "--release", "-p", "testkit", "--example", "workflow", "--"]);
    command.args(["--json", "--runs", &runs.to_string()]);
    let ended = run::bounded(&mut command, std::time::Duration::from_secs(3_600))?;
    parse(&ended)
}

/// Reads what the example printed.
pub(super) fn parse(text: &str) -> Result<Ours, String> {
    const WHO: &str = "the example `workflow` of testkit";
    let printed: Map<String, Value> = last_object(text, WHO)?;
    let mut ours: Ours = last_object(text, WHO)?;
    if ours.forty_steps_ms <= 0.0 {
        return Err(format!("{WHO} says that 40 steps took {} ms", ours.forty_steps_ms));
    }
    ours.printed = printed;
    Ok(ours)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::bench::workflow) const PRINTED: &str = concat!(
        "warming up\n",
        r#"{"forty_steps_ms":12.5,"forty_steps_each_synced_ms":31.0,"forty_http_steps_ms":55.0,"steps_per_s":14000.0,"#,
        r#""step_latency_1000_ms_p50":4.0,"step_latency_1000_ms_p99":9.0,"step_latency_10000_ms_p50":4.5,"#,
        r#""step_latency_10000_ms_p99":11.0,"bytes_per_waiting_run":2100.0,"recovery_s_100k":1.5,"fsyncs":41,"#,
        r#""kit_passed":21,"kit_total":21,"machine":"two cores"}"#,
        "\n"
    );

    #[test]
    fn what_is_agreed_is_read_and_more_is_kept() {
        let ours = parse(PRINTED).unwrap();
        assert_eq!((ours.fsyncs, ours.kit_passed), (41, 21));
        assert_eq!(ours.to_json()["machine"], "two cores");
    }

    #[test]
    fn what_is_missing_or_cannot_be_is_said() {
        for (text, part) in [
            ("", "printed no JSON object"),
            (&PRINTED.replace("\"fsyncs\":41,", ""), "missing field `fsyncs`"),
            (&PRINTED.replace("\"fsyncs\":41", "\"fsyncs\":null"), "expected u64"),
            (&PRINTED.replace("12.5", "0.0"), "40 steps took 0 ms"),
            (&PRINTED.replace('}', ""), "cannot be used"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
