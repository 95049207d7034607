//! `README.md`.

use crate::plan::Plan;

/// The text of the file.
pub(crate) fn readme(plan: &Plan<'_>) -> String {
    format!("# {}\n\nTypeScript client of {}.\n", plan.package(), plan.name.title)
}
