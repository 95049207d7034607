//! The rules that scenarios play by: the shipped policies and runbooks, and the patience of the demo.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use decide::Policy;
use engine::records::Grants;
use engine::situation::{Patience, Rules};
use manifest::Runbooks;
use model::{Autonomy, AutonomyGrant};

use crate::host::action_specs;

/// How patient the loop is in `homeostat demo`.
#[must_use]
pub fn demo_patience() -> Patience {
    Patience { settle_ms: 800, quiet_ms: 3_000, inconclusive_ms: 20_000, verify_s: 6, linger_ms: 20_000 }
}

/// The rules made of the shipped files of the repository at `root`.
///
/// # Errors
/// A file cannot be read or is refused; the text says which and why.
pub fn rules(
    root: &Path,
    policies: &[String],
    autonomy: Autonomy,
    patience: Patience,
) -> Result<Rules, String> {
    let read = |path: std::path::PathBuf| {
        std::fs::read_to_string(&path).map_err(|e| format!("cannot read {}: {e}", path.display()))
    };
    let texts = policies
        .iter()
        .map(|name| Ok((format!("{name}.yaml"), read(root.join(format!("policies/{name}.yaml")))?)))
        .collect::<Result<Vec<_>, String>>()?;
    let folder = root.join("runbooks");
    let mut books = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(|e| format!("cannot read {}: {e}", folder.display()))? {
        let path = entry.map_err(|e| e.to_string())?.path();
        if path.extension().is_some_and(|e| e == "md") {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            books.push((name, read(path)?));
        }
    }
    books.sort();
    let runbooks = Runbooks::load(&books)
        .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))?;
    let actions: BTreeMap<_, _> = action_specs().into_iter().map(|spec| (spec.name.clone(), spec)).collect();
    Ok(Rules {
        policy: Arc::new(Policy::parse(&texts).map_err(|e| e.to_string())?),
        runbooks: Arc::new(runbooks),
        actions,
        triage: Arc::default(),
        diagnosis: diagnose::Settings::default(),
        calendar: engine::calendar::Calendar::default(),
        patience,
        default_grants: Grants {
            items: vec![AutonomyGrant { service: "*".into(), action: "*".into(), level: autonomy }],
        },
        limits: engine::runs::Limits::default(),
    })
}
