//! Which hosts documents are fetched from: this machine, and what was allowed by name.

use reqwest::Url;

use crate::functions::Egress;

/// The hosts.
#[derive(Clone, Debug)]
pub(super) struct Hosts {
    allowed: Egress,
    every: Vec<String>,
}

/// Addresses of this machine.
const LOOPBACK: [&str; 2] = ["127.0.0.0/8", "::1"];

impl Hosts {
    /// # Errors
    /// One is no host.
    pub(super) fn new(hosts: &[String]) -> Result<Self, String> {
        let every: Vec<String> =
            LOOPBACK.iter().map(|net| (*net).to_owned()).chain(hosts.iter().cloned()).collect();
        Ok(Self { allowed: Egress::only(hosts)?, every })
    }

    /// What requests are held to: names that lead to this machine are among it.
    pub(super) fn egress(&self) -> Result<Egress, String> {
        Egress::only(&self.every)
    }

    /// Refuses early, before any name is looked up, and says what to do.
    pub(super) fn check(&self, url: &Url, advice: &str) -> Result<(), String> {
        let host = url.host_str().unwrap_or_default();
        if is_loopback(host) || self.allowed.check(url).is_ok() {
            return Ok(());
        }
        Err(format!(
            "documents are not fetched from {host} unless it is allowed; {}",
            advice.replace("{host}", host)
        ))
    }
}

/// Whether a host is this machine by its name alone.
fn is_loopback(host: &str) -> bool {
    let name = host.trim_end_matches('.');
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    match address {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => {
            let name = name.to_ascii_lowercase();
            name == "localhost" || name.ends_with(".localhost")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_open_and_all_else_is_named() {
        let none = Hosts::new(&[]).unwrap();
        let some = Hosts::new(&["api.example.com".to_owned(), "*.internal".to_owned()]).unwrap();
        for (url, by_none, by_some) in [
            ("http://127.0.0.1:99/x", true, true),
            ("http://localhost/x", true, true),
            ("http://[::1]/x", true, true),
            ("http://[::ffff:127.0.0.1]/x", true, true),
            ("https://api.example.com/x", false, true),
            ("https://a.internal/x", false, true),
            ("https://evil.example.com/x", false, false),
            ("http://10.0.0.1/x", false, false),
            ("http://169.254.169.254/x", false, false),
            ("http://localhost.example.com/", false, false),
        ] {
            let url = Url::parse(url).unwrap();
            assert_eq!(none.check(&url, "").is_ok(), by_none, "{url}");
            assert_eq!(some.check(&url, "").is_ok(), by_some, "{url}");
        }
        let refused = none.check(&Url::parse("https://h.example/x").unwrap(), "add --allow-url {host}");
        let said = "documents are not fetched from h.example unless it is allowed; add --allow-url h.example";
        assert_eq!(refused.unwrap_err(), said);
        assert!(Hosts::new(&["not a host".to_owned()]).is_err());
    }
}
