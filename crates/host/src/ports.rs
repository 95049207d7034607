//! Choosing ports for instances.

use std::collections::BTreeSet;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::time::{SystemTime, UNIX_EPOCH};

/// Ports are taken from here: below the range from which Linux gives ports to outgoing connections, which
/// could otherwise take an instance's port while it restarts.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// The port an instance had, or the wished one, or any free one. Notes it in `taken`.
pub(crate) fn choose(had: Option<u16>, wish: Option<u16>, taken: &mut BTreeSet<u16>) -> io::Result<u16> {
    if let Some(port) = had.filter(|p| is_free(*p)) {
        return Ok(port);
    }
    let seed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().subsec_nanos();
    let start = (seed / 1000 % u32::from(COUNT)) as u16;
    let scan = (0..COUNT).map(|n| FIRST + (start + n) % COUNT);
    let found = wish.into_iter().chain(scan).find(|p| !taken.contains(p) && is_free(*p));
    let port = found.ok_or_else(|| io::Error::other("no free port from 20000 to 31999"))?;
    taken.insert(port);
    Ok(port)
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_in_use_is_not_chosen_and_one_that_was_had_is_kept() {
        let mut taken = BTreeSet::new();
        let first = choose(None, None, &mut taken).unwrap();
        assert_eq!(choose(Some(first), None, &mut taken).unwrap(), first);
        let _occupied = TcpListener::bind((Ipv4Addr::LOCALHOST, first)).unwrap();
        let other = choose(Some(first), Some(first), &mut taken).unwrap();
        assert_ne!(other, first);
        assert!(taken.contains(&other));
    }
}
