//! Diagnosis: where a finding belongs, and what caused the findings of one incident.
//!
//! [`group`] puts findings that belong together into incidents by topology, time and shared change; alerts of other
//! systems, of which less is known, go through [`correlate`].
//! [`diagnose`] ranks the causes of one incident by structure (who depends on whom), deviation (how
//! abnormal), timing (who moved first), change (what was altered just before) and history (what incidents
//! that looked alike turned out to be), and cites evidence that can be opened again. Given what metrics did before
//! and since ([`Window`]), it also follows excess time and errors down the calls, and can rank without any finding.
//!
//! [`explain`] prepares what a language model may be told of an incident and checks what it answers; nothing of that
//! comes back into grouping or ranking.
//!
//! Pure: equal input gives equal output, ids included. No I/O, no clock, no model is asked here. What to do
//! about a cause is not decided here. How it works and why:
//! `docs/decisions/0005-diagnosis.md` and, for what metrics say, `docs/decisions/0015-root-cause.md`.

mod alerts;
mod blame;
mod classes;
pub mod correlate;
mod departure;
mod evidence;
pub mod explain;
mod group;
mod impact;
mod input;
mod path;
mod place;
mod probability;
mod rank;
mod suspects;
mod topology;
mod windows;
mod words;

pub use alerts::{alert, fingerprint};
pub use group::{Grouping, OpenIncident, group};
pub use input::{Diagnosis, Input, PastIncident, Settings, World};
pub use rank::diagnose;
pub use topology::Topology;
pub use windows::{Measure, Symptom, Window};
