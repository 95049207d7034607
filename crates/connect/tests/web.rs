//! What workflows call, against real servers on loopback: good ones, and ones that are slow, endless, hostile or sly.

mod web {
    pub(crate) mod http;
    pub(crate) mod limits;
    pub(crate) mod login;
    pub(crate) mod openapi;
    pub(crate) mod peer;
    pub(crate) mod resources;
    pub(crate) mod tls;
    pub(crate) mod tokens;
}
