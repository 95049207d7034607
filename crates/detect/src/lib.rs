//! Detection: signals in, findings and derived series out.
//!
//! Pure and synchronous: no I/O, no clock, no randomness. Time is the `now` of each call, so that the same
//! calls always give the same output, and a [`Detection::snapshot`] taken anywhere continues as if nothing
//! had happened. Every table is bounded; the least recently used entry makes room.
//!
//! A detector is one file in `detectors/` behind one trait, and one line in the table there. What several
//! detectors need is computed once, in `features/`. Explaining findings and grouping them is not done here.

mod bounded;
mod budget;
mod detection;
mod detectors;
mod features;
mod findings;
mod histogram;
pub mod multivariate;
mod proportion;
mod replay;
mod report;
pub mod sessions;
mod settings;
mod stats;
mod tail;
pub mod templates;
pub mod univariate;

pub use budget::MAX_WINDOW_MS;
pub use detection::{Detection, Output, RestoreError};
pub use features::DERIVED;
pub use replay::Replay;
pub use report::{Drift, Report};
pub use settings::Settings;
pub use univariate::Member;
