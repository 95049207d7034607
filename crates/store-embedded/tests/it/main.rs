//! Tests of the embedded store and bus from outside: the contracts, models, crashes and size.

mod bus_model;
mod contract;
mod crash;
mod faults;
mod folder;
mod scale;
mod store_model;
