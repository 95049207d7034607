//! The stack against a simulated world: healthy hours, every fault, and replay.

mod faults;
mod feedback;
mod healthy;
mod objectives;
mod replay;
mod unusual;
mod world;
