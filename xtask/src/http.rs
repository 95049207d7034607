//! Just enough HTTP to ask a server on loopback whether it is there.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// The status of `GET path`; none when nobody answers.
pub(crate) fn status(address: &str, path: &str) -> Option<u16> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
    stream
        .write_all(format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes())
        .ok()?;
    let mut head = [0_u8; 32];
    let mut length = 0;
    while length < head.len() {
        match stream.read(&mut head[length..]).ok()? {
            0 => break,
            n => length += n,
        }
    }
    std::str::from_utf8(&head[..length]).ok()?.split(' ').nth(1)?.parse().ok()
}

/// Asks every few milliseconds until the answer is 200; the time that took.
pub(crate) fn wait_until_ok(address: &str, path: &str, within: Duration) -> Option<Duration> {
    let began = Instant::now();
    while began.elapsed() < within {
        if status(address, path) == Some(200) {
            return Some(began.elapsed());
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    None
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|e| format!("no free port: {e}"))?;
    listener.local_addr().map(|a| a.port()).map_err(|e| format!("no free port: {e}"))
}
