//! The demo world: a small shop of real processes with real traffic, jobs and deploys on this machine, and
//! faults that really happen. Everything in it is simulated business on real machinery: no outside system is
//! touched, and nothing listens beyond loopback.

pub mod shop;
pub mod world;

mod random;

/// A client for plain HTTP on loopback: no proxies, no TLS roots read from disk unless `https` is asked for.
pub(crate) fn client(https: bool) -> reqwest::Result<reqwest::Client> {
    // The first one to install a provider wins; a second attempt changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder().no_proxy().tcp_nodelay(true);
    let builder = if https { builder } else { builder.tls_certs_only([]) };
    builder.build()
}
