//! `bench workflow`: durable steps of our workflow engine, and of other engines on this machine in the same run.
//!
//! Ours are measured by the example `workflow` of `testkit`; `ours` says what it must print. Each other engine is a
//! folder of `bench/peers`; `peers` says what it must hold.

mod ours;
mod peers;
mod table;

use serde_json::{Map, Value, json};

use self::ours::Ours;
use self::peers::Peer;
use crate::say;

/// How often each is measured when `--runs` does not say.
const RUNS: usize = 20;

/// Measures ours, then with `with_peers` the others; with `json` one object as last line.
pub(super) fn run(runs: Option<usize>, with_peers: bool, json: bool) -> Result<(), String> {
    let runs = runs.unwrap_or(RUNS).max(1);
    say::note("building and measuring ours …");
    let ours = ours::measure(runs)?;
    let peers = if with_peers { peers::measure_all(runs)? } else { Vec::new() };
    for line in table::lines(&ours, &peers) {
        say::out(line);
    }
    if json {
        say::out(object(&ours, &peers));
    }
    Ok(())
}

/// The result: what ours printed, the time of each peer by name, and what else is known of it.
fn object(ours: &Ours, peers: &[Peer]) -> Value {
    let mut object = ours.to_json();
    let times: Map<String, Value> = peers.iter().map(|p| (p.name.clone(), json!(p.forty_steps_ms))).collect();
    let details: Map<String, Value> = peers
        .iter()
        .map(|p| {
            let mut detail = p.to_json();
            detail.remove("name");
            detail.insert("ratio".to_owned(), json!(p.ratio(ours.forty_steps_ms)));
            (p.name.clone(), Value::Object(detail))
        })
        .collect();
    object.insert("peers".to_owned(), Value::Object(times));
    object.insert("peer_details".to_owned(), Value::Object(details));
    Value::Object(object)
}

/// The last line that is a JSON object.
fn last_object<T: serde::de::DeserializeOwned>(text: &str, who: &str) -> Result<T, String> {
    let line = text.lines().rev().find(|line| line.starts_with('{'));
    let line = line.ok_or_else(|| format!("{who} printed no JSON object as its last line"))?;
    serde_json::from_str(line).map_err(|e| format!("{who} printed an object that cannot be used: {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours() -> Ours {
        ours::parse(ours::tests::PRINTED).expect("it is complete")
    }

    fn peer(name: &str, ms: Option<f64>) -> Peer {
        let reason = ms.is_none().then(|| "it cannot be installed".to_owned());
        Peer { reason, ..peers::tests::peer(name, ms) }
    }

    #[test]
    fn a_peer_that_was_not_measured_is_null_with_its_reason() {
        let object = object(&ours(), &[peer("dbos", Some(125.0)), peer("n8n", None)]);
        assert_eq!(object["forty_steps_ms"], 12.5);
        assert_eq!(object["peers"], json!({"dbos": 125.0, "n8n": null}));
        assert_eq!(object["peer_details"]["dbos"]["ratio"], 10.0);
        assert_eq!(object["peer_details"]["n8n"]["ratio"], Value::Null);
        assert_eq!(object["peer_details"]["n8n"]["reason"], "it cannot be installed");
    }

    #[test]
    fn without_peers_the_map_is_empty_and_not_missing() {
        assert_eq!(object(&ours(), &[])["peers"], json!({}));
    }
}
