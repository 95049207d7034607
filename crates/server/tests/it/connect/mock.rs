//! `homeostat connect mock` over real sockets, and a server of files for documents at addresses.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Stdio;

use serde_json::{Value, json};

use super::{Bench, PETS};
use crate::process::{Owned, binary, http};

/// Serves the files of a folder on a free port until the test ends.
pub(super) struct Site {
    pub(super) url: String,
}

impl Site {
    pub(super) fn serve(folder: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                // A peer that went away is not this server's matter.
                let _ = one(stream, &folder);
            }
        });
        Self { url }
    }
}

fn one(mut stream: TcpStream, folder: &std::path::Path) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? <= 2 {
            break;
        }
    }
    let path = first.split(' ').nth(1).unwrap_or("/").trim_start_matches('/');
    let (status, body) = match std::fs::read(folder.join(path)) {
        Ok(body) => ("200 OK", body),
        Err(_) => ("404 Not Found", Vec::new()),
    };
    write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len())?;
    stream.write_all(&body)
}

struct Mocked {
    _child: Owned,
    url: String,
    out: BufReader<std::process::ChildStdout>,
}

impl Mocked {
    fn start(bench: &Bench, document: &str) -> Self {
        let mut child = binary()
            .args(["connect", "mock", document, "--listen", "127.0.0.1:0", "--json"])
            .current_dir(bench.dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let told: Value = serde_json::from_str(&line).expect("it says where it is");
        Self { _child: Owned(child), url: told["url"].as_str().unwrap().to_owned(), out }
    }

    /// What is told of the next request.
    fn told(&mut self) -> Value {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

fn text(response: &mut ureq::http::Response<ureq::Body>) -> String {
    response.body_mut().read_to_string().unwrap()
}

#[test]
fn a_mock_answers_with_examples_and_says_what_is_wrong() {
    let bench = Bench::new();
    bench.put("pets.yaml", PETS);
    let mut mock = Mocked::start(&bench, "pets.yaml");
    let url = |path: &str| format!("{}{path}", mock.url);
    let (pets, based, wrong, none) =
        (url("/pets"), url("/v2/pets?limit=5"), url("/pets?limit=many"), url("/none"));

    let mut listed = http().get(&pets).call().unwrap();
    assert_eq!(
        (listed.status().as_u16(), text(&mut listed).as_str()),
        (200, r#"[{"id":"p1","name":"Rex"}]"#)
    );
    assert_eq!(listed.headers()["access-control-allow-origin"], "*");
    assert_eq!(
        mock.told(),
        json!({"method": "GET", "target": "/pets", "status": 200, "operation": "get /pets", "faults": []})
    );
    assert_eq!(http().get(&based).call().unwrap().status(), 200, "below the server's path as well");
    assert_eq!(mock.told()["status"], 200);

    let mut preferred = http().get(&pets).header("prefer", "code=404").call().unwrap();
    assert_eq!(preferred.status(), 404);
    assert!(serde_json::from_str::<Value>(&text(&mut preferred)).unwrap()["why"].is_string());
    mock.told();

    let mut refused = http().get(&wrong).call().unwrap();
    assert_eq!(
        (refused.status().as_u16(), &refused.headers()["content-type"]),
        (400, &"application/problem+json".parse().unwrap())
    );
    let problem: Value = serde_json::from_str(&text(&mut refused)).unwrap();
    assert_eq!(
        (&problem["status"], &problem["errors"][0]["in"], &problem["errors"][0]["name"]),
        (&json!(400), &json!("query"), &json!("limit")),
        "{problem}"
    );
    assert_eq!(mock.told()["faults"][0]["name"], "limit");

    let mut incomplete =
        http().post(&pets).header("content-type", "application/json").send("{\"name\": 1}").unwrap();
    let problem: Value = serde_json::from_str(&text(&mut incomplete)).unwrap();
    assert_eq!(incomplete.status(), 400, "{problem}");
    assert!(problem["errors"].as_array().unwrap().len() >= 2, "{problem}");
    mock.told();
    let made =
        http().post(&pets).header("content-type", "application/json").send("{\"id\": \"p9\"}").unwrap();
    assert_eq!(made.status(), 201);
    mock.told();
    assert_eq!(http().get(&none).call().unwrap().status(), 404);
    mock.told();
    let gone = http().delete(&pets).call().unwrap();
    assert_eq!((gone.status().as_u16(), &gone.headers()["allow"]), (405, &"GET, POST".parse().unwrap()));
    mock.told();
}

#[test]
fn bodies_are_bounded_and_pages_may_ask() {
    let bench = Bench::new();
    bench.put("pets.yaml", PETS);
    let mock = Mocked::start(&bench, "pets.yaml");
    let host = mock.url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(host).unwrap();
    let head = format!(
        "POST /pets HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        1_u64 << 40
    );
    stream.write_all(head.as_bytes()).unwrap();
    // It answers before all of that was sent, or ends the connection.
    let chunk = vec![b' '; 1 << 20];
    let mut sent = 0;
    while sent < 64 && stream.write_all(&chunk).is_ok() {
        sent += 1;
    }
    assert!(sent < 64, "it read all of {sent} MiB");
    drop(stream);

    let mut stream = TcpStream::connect(host).unwrap();
    let head = format!(
        "OPTIONS /pets HTTP/1.1\r\nhost: {host}\r\norigin: http://localhost:3000\r\naccess-control-request-method: POST\r\naccess-control-request-headers: content-type\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let answer = answer.to_ascii_lowercase();
    for line in [
        "http/1.1 204",
        "access-control-allow-methods: post",
        "access-control-allow-headers: content-type",
        "access-control-allow-origin: *",
    ] {
        assert!(answer.contains(line), "{line}: {answer}");
    }
}

#[test]
fn a_taken_address_is_told() {
    let bench = Bench::new();
    bench.put("pets.yaml", PETS);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    bench.connect(&["mock", "pets.yaml", "--listen", &address]).failed("choose another with --listen");
    bench.connect(&["mock", "none.yaml"]).failed("there is no such file");
}
