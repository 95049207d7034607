//! A fake world with a fake clock, and scenario scripts that play in it against the real, pure loop.
//!
//! [`Script`] is a timeline read from `scenarios/*.txt`. [`play`] runs it: a simulated [`shop`] gives signals,
//! the real detection and the real situation work them, a simulated process host carries out what they decide,
//! and what was stored is kept in memory so that the loop can be killed and resumed anywhere. The result is a
//! transcript, compared with `scenarios/*.golden`, and whatever broke a promise. No I/O, no store, no waiting.

mod host;
mod memory;
mod player;
mod random;
mod rules;
mod script;
mod series;
pub mod shop;
mod transcript;

pub use host::{Host, LedgerEntry, action_specs};
pub use memory::Memory;
pub use player::{Beside, Played, play, play_beside};
pub use random::Random;
pub use rules::{demo_patience, rules};
pub use script::{Expectation, Happening, Script, ScriptError, Step, When};
