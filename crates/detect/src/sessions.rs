//! What a session of log lines usually looks like, and how one departs from it.
//!
//! A session is the lines that name the same thing: a block, a request, an order. Learned without labels, and from a
//! past that held trouble too: only what nearly all sessions have in common is held against one. Four kinds of evidence,
//! after the invariants of Lou et al. (USENIX ATC 2010) and event counts: templates that sessions do not have, counts
//! that are always the same, counts that are always equal to each other, and which of two comes first. What is still to
//! come is not missing: each template has the time by which it is usually there.

mod identify;
mod model;
mod session;

pub use identify::{Identifier, identifiers};
pub use model::{Evidence, SessionModel};
pub use session::Session;
