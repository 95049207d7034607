//! Decision: what may be done about an incident, by rules that anyone can read.
//!
//! [`confidence`] turns what is known into a calibrated number. [`Policy`] is a table of rules and a list of
//! guards, both data with CEL conditions over [`Facts`]. [`decide`] puts the two together and reports every
//! rule, guard and number. Nothing matched means: call a person. Guards only ever make a decision more
//! careful.
//!
//! Pure: no I/O, no clock. It does not read files, does not start runs and does not know workflows.
//! How and why: `docs/decisions/0006-policy.md`. The shipped policies: `policies/`.

mod autonomy;
mod calibration;
mod condition;
mod confidence;
mod facts;
mod policy;
mod ruling;
mod suggest;
pub mod triage;

pub use autonomy::{autonomy_after, granted};
pub use calibration::{Calibration, brier_score, expected_calibration_error};
pub use confidence::{HistoryPrior, Parts, confidence, history, simplicity};
pub use facts::{FactSpec, Facts};
pub use policy::{Guard, Policy, PolicyError, Rule, Setting, Tuning};
pub use ruling::{Difference, Ruling, back_test, decide};
