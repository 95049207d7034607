//! The commands, one file each.

pub(crate) mod connect;
pub(crate) mod decision;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod fault;
pub(crate) mod host;
pub(crate) mod incident;
pub(crate) mod objectives;
pub(crate) mod reference;
pub(crate) mod silence;
pub(crate) mod status;
pub(crate) mod up;
pub(crate) mod workflow;
