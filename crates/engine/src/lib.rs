//! The loop: sense -> detect -> group -> diagnose -> decide -> act -> verify -> learn; one file a stage.
//!
//! `situation.rs` holds the loop's state and is pure: a message goes in, effects come out. `drive.rs` commits
//! those effects and only then lets them happen. `handle.rs` is the engine as others see it. Thinking is in
//! the crates `detect`, `diagnose`, `decide` and `workflow`; this crate orders it and makes it durable. `explain.rs` stands
//! beside the loop: what a language model writes is stored and shown, and never read by a stage.

pub mod act;
pub mod audit;
pub mod calendar;
pub mod command;
pub mod decide;
pub mod detect;
pub mod diagnose;
mod documents;
pub mod drive;
pub mod explain;
mod functions;
pub mod grouping;
pub mod handle;
pub mod learn;
pub mod observation;
pub mod operate;
mod overflow;
pub mod records;
pub mod replay;
pub mod retention;
pub mod runs;
pub mod sense;
mod services;
pub mod situation;
pub mod stories;
pub mod verify;
pub mod windows;

pub use handle::{Engine, Options, Ports};
