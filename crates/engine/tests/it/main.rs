//! The engine over the embedded stores: what its parts promise together.

mod admission;
mod bed;
mod explain;
mod faults;
mod grouping;
mod retention;
mod verify;
