//! The real binary, from outside: real processes, real sockets, real kills.

mod conformance;
mod connect;
mod crash;
mod faults;
mod kills;
mod outside;
mod process;
mod up;
mod workflow;
