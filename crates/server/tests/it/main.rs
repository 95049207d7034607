//! The real binary, from outside: real processes, real sockets, real kills.

mod conformance;
mod crash;
mod faults;
mod outside;
mod process;
mod up;
mod workflow;
