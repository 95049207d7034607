//! `homeostat up` as a new user meets it.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use crate::process::{Server, binary, free_port};

/// Longer than anything here takes: a read that waits for it has failed.
const AT_MOST: Duration = Duration::from_secs(30);

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(AT_MOST)).unwrap();
    stream
}

/// The status of an answer to a request that names a host.
fn ask(address: SocketAddr, host: &str) -> u16 {
    let mut stream = connect(address);
    write!(stream, "GET /readyz HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text.split(' ').nth(1).unwrap_or_default().parse().unwrap_or_default()
}

/// An address of this machine that is not loopback, where it has one; nothing is sent.
fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|ip| !ip.is_loopback() && !ip.is_unspecified())
}

#[test]
fn half_a_request_does_not_hold_a_connection() {
    let dir = tempfile::tempdir().unwrap();
    let port = free_port();
    let options = format!("listen = \"127.0.0.1:{port}\"\nidle_timeout_ms = 200");
    let mut server = Server::listening(dir.path(), &options, port, "");
    server.start();
    server.wait_ready();
    for sent in ["", "GET /readyz HTTP/1.1\r\nhost: local"] {
        let mut stream = connect(SocketAddr::from(([127, 0, 0, 1], port)));
        stream.write_all(sent.as_bytes()).unwrap();
        let read = stream.read(&mut [0; 100]);
        assert!(matches!(read, Ok(0)), "it is closed: {read:?}");
    }
}

#[test]
fn a_server_that_listens_everywhere_is_reached_by_its_own_addresses_and_by_no_foreign_name() {
    let dir = tempfile::tempdir().unwrap();
    let port = free_port();
    let options = format!("listen = \"0.0.0.0:{port}\"\nallowed_hosts = [\"homeostat.example\"]");
    let mut server = Server::listening(dir.path(), &options, port, "");
    server.start();
    server.wait_ready();
    let mut addresses = vec![IpAddr::from([127, 0, 0, 1])];
    addresses.extend(own_address());
    for ip in addresses {
        let address = SocketAddr::new(ip, port);
        for host in [address.to_string(), ip.to_string(), "homeostat.example".into(), "localhost".into()] {
            assert_eq!(ask(address, &host), 200, "{host} at {address}");
        }
        for host in ["evil.example", "203.0.113.9", "0.0.0.0", "homeostat.example.evil.example"] {
            assert_eq!(ask(address, host), 421, "{host} at {address}");
        }
    }
    let status = binary().arg("status").env("XDG_STATE_HOME", dir.path().join("state")).output().unwrap();
    assert!(status.status.success(), "the command line finds it: {status:?}");
}

#[test]
fn a_fresh_server_answers_its_own_command_line_and_stops_cleanly() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Server::new(dir.path(), free_port(), "");
    server.start();
    server.wait_ready();
    let run = |arguments: &[&str]| {
        let output =
            binary().args(arguments).env("XDG_STATE_HOME", dir.path().join("state")).output().unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    };
    let (ok, text) = run(&["status"]);
    assert!(ok && text.contains("development"), "{text}");
    let (ok, text) = run(&["incident", "list"]);
    assert!(ok && text.contains("All quiet"), "{text}");
    let (ok, text) = run(&["workflow", "list", "--json"]);
    assert!(ok && text.contains("restart-service"), "{text}");
    let (ok, text) = run(&["doctor"]);
    assert!(ok, "{text}");
    let (ok, _) = run(&["fault", "list"]);
    assert!(!ok, "there are no faults outside the demo");
    let input = r#"{"service": "shop"}"#;
    let (ok, text) = run(&["workflow", "run", "restart-service", "--input", input, "--wait"]);
    assert!(
        !ok && text.contains("faulted"),
        "nothing here can restart a process, and a script must learn it: {text}"
    );
    let log = std::fs::read_to_string(dir.path().join("server.log")).unwrap();
    assert!(log.contains("sign in as admin with the password"), "{log}");
    assert!(log.contains("INFO") && !log.contains('\u{1b}'), "a file gets no colours: {log}");
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn a_wrong_configuration_is_refused_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("homeostat.toml");
    std::fs::write(&file, "[server]\nlisten = 7\n").unwrap();
    let output = binary().args(["up", "--config"]).arg(&file).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(text.contains("homeostat.toml:2:10"), "{text}");
}

#[test]
fn two_servers_cannot_share_a_folder() {
    let dir = tempfile::tempdir().unwrap();
    let mut first = Server::new(dir.path(), free_port(), "");
    first.start();
    first.wait_ready();
    let output = binary()
        .arg("up")
        .env("HOMEOSTAT_DATA_DIR", dir.path().join("data"))
        .env("HOMEOSTAT_SERVER_LISTEN", "127.0.0.1:0")
        .env("XDG_STATE_HOME", dir.path().join("state2"))
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(text.contains("in use"), "{text}");
}
