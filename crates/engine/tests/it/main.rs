//! The engine over the embedded stores: what its parts promise together.

mod bed;
mod explain;
mod faults;
mod retention;
