//! The exceptions of `cargo xtask check`: `xtask/allow.toml`. The list may only shrink.

use serde::Deserialize;

use crate::check::Fault;
use crate::place;

const FILE: &str = "xtask/allow.toml";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    #[serde(default)]
    allow: Vec<Exception>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exception {
    rule: String,
    at: String,
    because: String,
}

/// Takes out what is allowed; adds a fault for each exception that is not needed (any more) or has no reason.
pub(crate) fn apply(mut faults: Vec<Fault>) -> Result<Vec<Fault>, String> {
    let text = std::fs::read_to_string(place::root().join(FILE)).map_err(|e| format!("{FILE}: {e}"))?;
    let list: List = toml::from_str(&text).map_err(|e| format!("{FILE}: {e}"))?;
    for exception in list.allow {
        let before = faults.len();
        faults.retain(|f| !(f.rule == exception.rule && f.at == exception.at));
        let line =
            text.lines().position(|l| l.contains(&format!("\"{}\"", exception.at))).map_or(1, |l| l + 1);
        if faults.len() == before || exception.because.trim().is_empty() {
            faults.push(Fault {
                rule: "allow",
                at: FILE.to_owned(),
                line,
                what: format!(
                    "the exception of {} from {} is not needed or gives no reason",
                    exception.at, exception.rule
                ),
                why: "an exception list that does not shrink becomes the rule",
                fix: "take the entry out (or give its reason in `because`)".to_owned(),
            });
        }
    }
    Ok(faults)
}
