//! `homeostat up` as a new user meets it.

use crate::process::{Server, binary, free_port};

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
    let log = std::fs::read_to_string(dir.path().join("server.log")).unwrap();
    assert!(log.contains("sign in as admin with the password"), "{log}");
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
