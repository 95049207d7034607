//! What bounds every request that workflows make: time, sizes, and where it may go.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use reqwest::Url;

/// Bounds of every request.
#[derive(Clone, Debug)]
pub struct Limits {
    /// How long making a connection may take, TLS included.
    pub connect_timeout: Duration,
    /// How long a call may take as a whole: fetching tokens, redirects, and reading the answer.
    pub timeout: Duration,
    /// Largest answer, after decompression.
    pub response_bytes_max: usize,
    /// Largest head of an answer, and of a request.
    pub header_bytes_max: usize,
    /// Redirects that are followed.
    pub redirects_max: usize,
    /// Where requests may go.
    pub egress: Egress,
    /// A proxy that all requests go through (`http://proxy:3128`). It resolves names itself, so only names and
    /// literal addresses can be held against `egress` then.
    pub proxy: Option<String>,
    /// Certificates of authorities (PEM) that are trusted besides the machine's.
    pub authorities: Vec<String>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            timeout: Duration::from_secs(60),
            response_bytes_max: 8 * 1024 * 1024,
            header_bytes_max: 64 * 1024,
            redirects_max: 10,
            egress: Egress::open(),
            proxy: None,
            authorities: Vec::new(),
        }
    }
}

/// Where requests may go.
///
/// The addresses at which clouds hand credentials to whoever asks from the inside are closed unless they are
/// allowed one by one; a name that leads to one is closed as well.
#[derive(Clone, Debug)]
pub struct Egress {
    open: bool,
    allowed: Vec<Target>,
}

/// Metadata services: AWS, Azure, Google, Oracle and others; ECS tasks; EKS pods; Alibaba.
const METADATA_V4: [Ipv4Addr; 4] = [
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(169, 254, 170, 2),
    Ipv4Addr::new(169, 254, 170, 23),
    Ipv4Addr::new(100, 100, 100, 200),
];
const METADATA_V6: [Ipv6Addr; 2] =
    [Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)];

#[derive(Clone, Debug, PartialEq, Eq)]
enum Target {
    /// A host, or with `below` every host below it.
    Name { name: String, below: bool, port: Option<u16> },
    /// The addresses that begin with these bits.
    Net { address: IpAddr, bits: u8, port: Option<u16> },
}

impl Egress {
    /// Everywhere but to metadata services.
    #[must_use]
    pub fn open() -> Self {
        Self { open: true, allowed: Vec::new() }
    }

    /// Only to these targets: `api.example.com`, `api.example.com:8443`, `*.example.com` (every host below it),
    /// `10.1.2.3`, `10.1.2.3:8080`, `[fd00::1]:443`, `10.0.0.0/8`.
    ///
    /// # Errors
    /// Which target is not one.
    pub fn only<T: AsRef<str>>(targets: impl IntoIterator<Item = T>) -> Result<Self, String> {
        let allowed = targets.into_iter().map(|text| target(text.as_ref())).collect::<Result<_, _>>()?;
        Ok(Self { open: false, allowed })
    }

    /// Also to this target; a metadata service is opened by its own address.
    ///
    /// # Errors
    /// The target is not one.
    pub fn and(mut self, text: &str) -> Result<Self, String> {
        self.allowed.push(target(text)?);
        Ok(self)
    }

    /// Whether a request may go to this URL as far as its text tells; names are checked again when their addresses
    /// are known.
    pub(crate) fn check(&self, url: &Url) -> Result<(), Closed> {
        let host = url.host_str().unwrap_or_default();
        let port = url.port_or_known_default();
        let open = match literal(host) {
            Some(address) => self.takes_address(address, port),
            None => self.open || self.takes_name(host, port) || self.has_nets(),
        };
        if open { Ok(()) } else { Err(Closed::new(host)) }
    }

    /// Whether a name that leads to this address may be used.
    pub(crate) fn takes_resolved(&self, name: &str, address: IpAddr) -> bool {
        let named = self.open || self.takes_name(name, None);
        if named { !is_metadata(address) || self.names(address) } else { self.takes_address(address, None) }
    }

    fn takes_address(&self, address: IpAddr, port: Option<u16>) -> bool {
        if is_metadata(address) {
            return self.names(address);
        }
        self.open
            || self.allowed.iter().any(|target| match target {
                Target::Net { address: net, bits, port: only } => {
                    begins_with(address.to_canonical(), *net, *bits) && (only.is_none() || *only == port)
                }
                Target::Name { .. } => false,
            })
    }

    /// Whether the address itself is allowed, not only a net it is in.
    fn names(&self, address: IpAddr) -> bool {
        let plain = embedded(address).map_or(address.to_canonical(), IpAddr::V4);
        self.allowed.iter().any(|target| match target {
            Target::Net { address: net, bits, .. } => *net == plain && *bits == width(plain),
            Target::Name { .. } => false,
        })
    }

    /// Without a port, any target with this name will do: the port was checked with the URL.
    fn takes_name(&self, host: &str, port: Option<u16>) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        self.allowed.iter().any(|target| match target {
            Target::Name { name, below, port: only } => {
                let matches = if *below {
                    host.strip_suffix(name.as_str()).is_some_and(|rest| rest.ends_with('.'))
                } else {
                    host == *name
                };
                matches && (only.is_none() || port.is_none() || *only == port)
            }
            Target::Net { .. } => false,
        })
    }

    fn has_nets(&self) -> bool {
        self.allowed.iter().any(|target| matches!(target, Target::Net { port: None, .. }))
    }
}

/// A request may not go there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Closed {
    host: String,
}

impl Closed {
    pub(crate) fn new(host: &str) -> Self {
        Self { host: receive::limits::cut(host, 200).into_owned() }
    }
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "requests to {} are not allowed from here; if they should be, add it to the egress list",
            self.host
        )
    }
}

impl std::error::Error for Closed {}

/// The address that the host of a URL is, when it is one.
pub(crate) fn literal(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

fn target(text: &str) -> Result<Target, String> {
    let wrong = || {
        format!(
            "{text:?} is no target of requests; write a host (`api.example.com`), all hosts below one \
             (`*.example.com`), an address or a net (`10.0.0.0/8`), with `:port` after a host or an address"
        )
    };
    if let Some((net, bits)) = text.split_once('/') {
        let address: IpAddr = net.parse().map_err(|_| wrong())?;
        let bits = bits.parse().ok().filter(|bits| *bits <= width(address)).ok_or_else(wrong)?;
        return Ok(Target::Net { address, bits, port: None });
    }
    if let Ok(address) = text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        return Ok(Target::Net { address, bits: width(address), port: None });
    }
    let (host, port) = match text.rsplit_once(':') {
        None => (text, None),
        Some((host, port)) => (host, Some(port.parse::<u16>().map_err(|_| wrong())?)),
    };
    if let Some(address) = literal(host) {
        return Ok(Target::Net { address, bits: width(address), port });
    }
    let (name, below) = host.strip_prefix("*.").map_or((host, false), |name| (name, true));
    let known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    if name.is_empty() || !name.bytes().all(known) {
        return Err(wrong());
    }
    Ok(Target::Name { name: name.trim_end_matches('.').to_ascii_lowercase(), below, port })
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn begins_with(address: IpAddr, net: IpAddr, bits: u8) -> bool {
    let differ = match (address, net) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
        _ => return false,
    };
    differ >= u32::from(bits)
}

fn is_metadata(address: IpAddr) -> bool {
    match (embedded(address), address) {
        (Some(v4), _) | (None, IpAddr::V4(v4)) => METADATA_V4.contains(&v4),
        (None, IpAddr::V6(v6)) => METADATA_V6.contains(&v6),
    }
}

/// The IPv4 address inside an IPv6 address that leads to it: mapped, compatible (RFC 4291) or NAT64 (RFC 6052).
fn embedded(address: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(v6) = address else { return None };
    let nat64 = || {
        let [0x64, 0xff9b, 0, 0, 0, 0, high, low] = v6.segments() else { return None };
        Some(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)))
    };
    v6.to_ipv4().or_else(nat64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(egress: &Egress, url: &str, expect: bool) {
        assert_eq!(egress.check(&Url::parse(url).unwrap()).is_ok(), expect, "{url} under {egress:?}");
    }

    #[test]
    fn everything_is_open_but_metadata_services() {
        let open = Egress::open();
        for (url, expect) in [
            ("https://example.com/x", true),
            ("http://127.0.0.1:7070/", true),
            ("http://169.254.169.253/", true),
            ("http://169.254.169.254/latest/meta-data", false),
            ("http://0xa9fea9fe/", false),
            ("http://2852039166/", false),
            ("http://[::ffff:169.254.169.254]/", false),
            ("http://[::a9fe:a9fe]/", false),
            ("http://[64:ff9b::a9fe:a9fe]/", false),
            ("http://[fd00:ec2::254]/", false),
            ("http://100.100.100.200/", false),
        ] {
            check(&open, url, expect);
        }
        assert!(!open.takes_resolved("sly.example.com", "169.254.169.254".parse().unwrap()));
        assert!(open.takes_resolved("example.com", "192.0.2.1".parse().unwrap()));
    }

    #[test]
    fn a_metadata_service_is_opened_by_its_own_address_only() {
        let metadata = "http://169.254.169.254/";
        check(&Egress::open().and("169.254.169.254").unwrap(), metadata, true);
        check(&Egress::open().and("169.254.0.0/16").unwrap(), metadata, false);
        check(&Egress::only(["0.0.0.0/0"]).unwrap(), metadata, false);
    }

    #[test]
    fn a_list_closes_everything_else() {
        let listed =
            Egress::only(["api.example.com:8443", "*.internal", "10.0.0.0/8", "[fd00::1]:443", "B.example."]);
        let listed = listed.unwrap();
        for (url, expect) in [
            ("https://api.example.com:8443/", true),
            ("https://a.internal/", true),
            ("https://a.b.internal./", true),
            ("http://10.255.0.1:99/", true),
            ("http://11.0.0.1/", false),
            ("https://[fd00::1]/", true),
            ("https://[fd00::1]:444/", false),
            ("http://b.example/", true),
        ] {
            check(&listed, url, expect);
        }
        // A name that is not listed is decided by its addresses, because a net is listed.
        let (inside, outside) = ("10.0.0.1".parse().unwrap(), "192.0.2.1".parse().unwrap());
        assert!(listed.takes_resolved("other.example", inside));
        assert!(!listed.takes_resolved("other.example", outside));
        assert!(!listed.takes_resolved("notinternal", outside));
        assert!(!listed.takes_resolved("internal", outside));
        assert!(listed.takes_resolved("a.internal", outside));
        let names = Egress::only(["api.example.com:8443"]).unwrap();
        check(&names, "https://api.example.com/", false);
        check(&names, "https://evil.api.example.com:8443/", false);
    }

    #[test]
    fn what_is_no_target_is_refused_with_examples() {
        for text in ["", "*", "a b", "10.0.0.0/33", "host:99999", "http://x", "*.*.x", "x/8"] {
            let error = Egress::only([text]).unwrap_err();
            assert!(error.contains("*.example.com"), "{error}");
        }
    }
}
