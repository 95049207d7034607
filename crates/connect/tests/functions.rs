//! Functions of workflows against real programs and real servers on loopback: good ones, and ones that are slow,
//! silent, endless, hostile or wrong.

mod functions {
    pub(crate) mod a2a;
    pub(crate) mod asyncapi;
    pub(crate) mod container;
    pub(crate) mod engine;
    pub(crate) mod grpc;
    pub(crate) mod mcp;
    pub(crate) mod run;
    pub(crate) mod run_hostile;
    pub(crate) mod world;
}
