//! Other engines, measured on this machine: each is a folder of `bench/peers`.
//!
//! `install.sh CACHE` puts a pinned version into `CACHE/<folder>` and does nothing when it is there. `measure.sh CACHE
//! RUNS` starts what it needs on loopback, ends it, and prints one JSON object a line, as [`Peer`] reads it. Both are
//! bounded in time. What cannot be installed or measured has no number but a reason.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{place, run, say};

const INSTALL_WITHIN: Duration = Duration::from_secs(1_800);
const MEASURE_WITHIN: Duration = Duration::from_secs(900);

/// One engine with one way to store.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Peer {
    /// The folder, and what stores when there are several: `dbos-postgresql`.
    pub(super) name: String,
    /// Which version was measured.
    #[serde(default)]
    pub(super) version: Option<String>,
    /// Median of 40 tiny durable steps, from the request to start until the client sees the end.
    pub(super) forty_steps_ms: Option<f64>,
    /// The quickest run.
    #[serde(default)]
    pub(super) min_ms: Option<f64>,
    /// The slowest run.
    #[serde(default)]
    pub(super) max_ms: Option<f64>,
    /// How many were measured.
    #[serde(default)]
    pub(super) runs: Option<u64>,
    /// What a step makes durable, and when.
    #[serde(default)]
    pub(super) durability: Option<String>,
    /// Why there is no number.
    #[serde(default)]
    pub(super) reason: Option<String>,
}

impl Peer {
    fn absent(name: &str, reason: String) -> Self {
        Self {
            name: name.to_owned(),
            version: None,
            forty_steps_ms: None,
            min_ms: None,
            max_ms: None,
            runs: None,
            durability: None,
            reason: Some(reason),
        }
    }

    /// How many times as long as ours it takes.
    pub(super) fn ratio(&self, ours_ms: f64) -> Option<f64> {
        self.forty_steps_ms.map(|ms| ms / ours_ms)
    }

    /// What is known of it.
    pub(super) fn to_json(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(map)) => map.into_iter().filter(|(_, v)| !v.is_null()).collect(),
            _ => Map::new(),
        }
    }
}

/// Every peer there is, in the order of their names.
///
/// # Errors
/// There is no folder of peers, or no cache to install them into.
pub(super) fn measure_all(runs: usize) -> Result<Vec<Peer>, String> {
    let cache = place::cache()?.join("peers");
    std::fs::create_dir_all(&cache).map_err(|e| format!("cannot make {}: {e}", cache.display()))?;
    let mut measured = Vec::new();
    for folder in folders()? {
        let name = folder.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        say::note(format!("{name}: installing into {} unless it is there …", cache.display()));
        match one(&folder, &cache, &name, runs) {
            Ok(peers) => measured.extend(peers),
            Err(reason) => {
                say::note(format!("{name}: not measured: {reason}"));
                measured.push(Peer::absent(&name, reason));
            }
        }
    }
    Ok(measured)
}

fn folders() -> Result<Vec<PathBuf>, String> {
    let all = place::root().join("bench/peers");
    let entries = std::fs::read_dir(&all).map_err(|e| format!("cannot read {}: {e}", all.display()))?;
    let mut folders: Vec<PathBuf> =
        entries.flatten().map(|e| e.path()).filter(|p| p.join("measure.sh").exists()).collect();
    folders.sort();
    Ok(folders)
}

fn one(folder: &Path, cache: &Path, name: &str, runs: usize) -> Result<Vec<Peer>, String> {
    let script = |file: &str| {
        let mut command = Command::new("sh");
        command.arg(folder.join(file)).arg(cache);
        command
    };
    run::bounded(&mut script("install.sh"), INSTALL_WITHIN)?;
    say::note(format!("{name}: measuring …"));
    read(name, &run::bounded(script("measure.sh").arg(runs.to_string()), MEASURE_WITHIN)?)
}

/// Reads what `measure.sh` printed.
fn read(name: &str, text: &str) -> Result<Vec<Peer>, String> {
    let lines = text.lines().filter(|line| line.starts_with('{'));
    let peers: Vec<Peer> = lines
        .map(|line| serde_json::from_str(line).map_err(|e| format!("its result cannot be used: {e}")))
        .collect::<Result<_, String>>()?;
    if peers.is_empty() {
        return Err("it printed no result".to_owned());
    }
    for peer in &peers {
        if peer.name != name && !peer.name.starts_with(&format!("{name}-")) {
            return Err(format!("it printed a result for {:?}", peer.name));
        }
        let sound = match peer.forty_steps_ms {
            Some(ms) => ms > 0.0 && peer.version.is_some() && peer.durability.is_some(),
            None => peer.reason.is_some(),
        };
        if !sound {
            return Err(format!("{} has neither time, version and durability nor a reason", peer.name));
        }
    }
    Ok(peers)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::bench::workflow) fn peer(name: &str, ms: Option<f64>) -> Peer {
        Peer {
            version: Some("1.2.3".to_owned()),
            forty_steps_ms: ms,
            durability: Some("each step synced".to_owned()),
            reason: None,
            ..Peer::absent(name, String::new())
        }
    }

    const LINE: &str = r#"{"name":"dbos","version":"3","forty_steps_ms":75.5,"durability":"synced"}"#;

    #[test]
    fn results_are_read_between_other_lines() {
        let text = format!(
            "starting\n{LINE}\n{}\n",
            r#"{"name":"dbos-postgresql","forty_steps_ms":null,"reason":"not installed"}"#
        );
        let peers = read("dbos", &text).unwrap();
        assert_eq!(peers.len(), 2);
        assert_eq!(peers[0].ratio(7.55), Some(10.0));
        assert_eq!((peers[1].ratio(1.0), peers[1].reason.as_deref()), (None, Some("not installed")));
    }

    #[test]
    fn a_result_without_ground_is_refused() {
        for (text, part) in [
            ("", "no result"),
            ("{", "cannot be used"),
            (&LINE.replace("75.5", "null"), "neither"),
            (&LINE.replace("75.5", "-1"), "neither"),
            (&LINE.replace(r#","durability":"synced""#, ""), "neither"),
            (&LINE.replace("dbos", "other"), "other"),
            (&LINE.replace("version", "vers"), "vers"),
        ] {
            let error = read("dbos", text).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn every_peer_has_its_scripts_and_says_what_it_is() {
        let folders = folders().unwrap();
        assert!(folders.len() >= 3, "{folders:?}");
        for folder in folders {
            assert!(folder.join("install.sh").exists(), "{}", folder.display());
            let text = std::fs::read_to_string(folder.join("README.md")).expect("it has a README");
            for heading in ["## Origin", "## What is measured", "## What is durable"] {
                assert!(text.contains(heading), "{} lacks {heading}", folder.display());
            }
        }
    }
}
