//! The official examples of the specification against the real server, their services stood up here: what
//! `docs/reference/conformance.md` says of them, it says because it happened in this test.
//!
//! `cargo xtask generate` writes the page anew (`UPDATE_CONFORMANCE=1`); otherwise the page must be as this test sees
//! it. Names of documents are made distinct and hosts are replaced by the address of [`services`]; nothing else.

mod services;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::process::{Server, free_port, http, wait_for};
use services::Services;

/// How an example is run, or why it is not.
enum How {
    /// Started by hand with this input; these events come; it ends so.
    Run { input: Value, events: Vec<Value>, ends: Ends },
    /// It cannot run here: why.
    No(&'static str),
}

/// How a run ends.
#[derive(Clone, Copy, PartialEq)]
enum Ends {
    Completed,
    /// With an error of this status, as the document says.
    Faulted(u64),
    /// Never: it is cancelled once it did its work.
    Cancelled,
    /// Started by an event, then completed.
    ByEvent,
}

fn run(input: Value) -> How {
    How::Run { input, events: Vec::new(), ends: Ends::Completed }
}

fn hears(input: Value, events: Vec<Value>) -> How {
    How::Run { input, events, ends: Ends::Completed }
}

fn event(kind: &str, data: Value) -> Value {
    json!({"specversion": "1.0", "source": "https://my.home.com/sensor", "type": kind, "data": data})
}

const CONTAINER: &str =
    "needs a container engine; `crates/connect/tests/functions/container.rs` runs such tasks against one";
const SOCKET: &str = "asks for a WebSocket; messages come over HTTP and NATS";
const LIBRARY: &str = "its server is a package to be fetched and wants a Slack account; \
     `crates/connect/tests/functions/mcp.rs` calls tools over stdio and HTTP";
const PROTO: &str =
    "its `greet.proto` is not published; `crates/connect/tests/functions/grpc.rs` calls such a service";
const SCRIPT: &str = "needs Node.js; `crates/connect/tests/functions/run.rs` runs JavaScript and Python";
const READINGS: &str = "as written it asks a list for `.data.reading`, which jq refuses; what it is made of runs in \
     the examples beside it";

const PETS: &str = "as written its turn asks a list of events for `.pets`, which jq refuses; the kit and our own tests run \
     `for`";

fn how(name: &str) -> How {
    let vitals = "com.fake-hospital.vitals.measurements";
    let hot = || event(&format!("{vitals}.temperature"), json!({"temperature": 39}));
    let slow = || event(&format!("{vitals}.bpm"), json!({"bpm": 50}));
    let pet = json!({"petId": 1, "token": "t"});
    match name {
        "accumulate-room-readings" => How::No(READINGS),
        "call-asyncapi-subscribe-consume-amount" => How::No(SOCKET),
        "call-asyncapi-publish" => run(json!({"pet": {"id": 1}, "token": "t"})),
        // Nobody exports the messages that the conditions count.
        n if n.starts_with("call-asyncapi") => {
            How::Run { input: json!({}), events: Vec::new(), ends: Ends::Cancelled }
        }
        "call-grpc" => How::No(PROTO),
        "call-mcp" => How::No(LIBRARY),
        n if n.starts_with("run-container") || n.starts_with("run-return") => How::No(CONTAINER),
        n if n.starts_with("run-script") => How::No(SCRIPT),
        "call-http-query-headers-expressions" | "call-http-query-parameters" | "call-http-redirect" => {
            run(json!({"searchQuery": "luke"}))
        }
        "star-wars-homeworld" => run(json!({"id": 1})),
        "conditional-task" => run(json!({"customer": {"age": 20}, "bet": 5})),
        "switch-then-string" => run(json!({"orderType": "physical"})),
        "fork" => run(json!({"patient": {"fullName": "Ada"}, "room": {"number": 7}})),
        "run-subflow" => run(json!({"user": {"name": "Ada"}})),
        "raise-inline" | "raise-reusable" => {
            How::Run { input: json!({}), events: Vec::new(), ends: Ends::Faulted(500) }
        }
        "for" => How::No(PETS),
        "listen-to-one" => hears(
            json!({"carId": 7}),
            vec![event("com.virtual-wf-powered-race.events.race.started.v1", json!({}))],
        ),
        "listen-to-any-forever-foreach" => How::Run {
            input: json!({"roomId": "lounge"}),
            events: vec![event("com.example.gossip", json!({"roomId": "lounge"}))],
            ends: Ends::Cancelled,
        },
        "listen-to-any-until-consumed" => {
            hears(json!({}), vec![hot(), event("com.fake-hospital.patient.checked-out", json!({}))])
        }
        n if n.starts_with("listen-to") => hears(json!({}), vec![hot(), slow(), hot(), slow()]),
        "schedule-event-driven" => {
            let patient = json!({"id": 1, "name": "Ada", "room": {"number": 7}, "vitals": {"bpm": 40}});
            let data = json!({"patient": patient, "timestamp": "2026-01-01T00:00:00Z"});
            let low = event("com.example.hospital.events.patients.heartbeat.low", data);
            How::Run { input: json!({}), events: vec![low], ends: Ends::ByEvent }
        }
        "set" | "set-expression" => {
            let trigger = event("io.serverlessworkflow.samples.events.trigger.v1", json!({"x": 1}));
            How::Run { input: json!({}), events: vec![trigger], ends: Ends::ByEvent }
        }
        _ => run(pet),
    }
}

fn official() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../workflow/tests/official")
}

fn texts(folder: &str) -> BTreeMap<String, String> {
    let files = std::fs::read_dir(official().join(folder)).unwrap().map(|e| e.unwrap().path());
    let name = |path: &Path| path.file_stem().unwrap().to_string_lossy().into_owned();
    files.map(|path| (name(&path), std::fs::read_to_string(&path).unwrap())).collect()
}

/// The example with a name of its own, its hosts replaced.
fn local(name: &str, text: &str, base: &str) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for (field, value) in [("  namespace: ", "official".to_owned()), ("  name: ", slug(name))] {
        let line = lines.iter_mut().find(|l| l.starts_with(field)).unwrap();
        *line = format!("{field}{value}");
    }
    let mut text = lines.join("\n");
    for host in services::HOSTS {
        for scheme in ["https://", "http://"] {
            // The identity of an event is no address.
            text = text.replace(&format!("{scheme}{host}/"), &format!("{base}/{host}/"));
        }
    }
    text
}

fn slug(name: &str) -> String {
    name.replace(' ', "-")
}

struct World {
    server: Server,
    token: String,
    services: Services,
    /// Number of the newest event that was sent.
    sent: std::cell::Cell<u64>,
}

impl World {
    fn ask(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let url = format!("{}/api/v1{path}", self.server.url());
        let (bearer, agent) = (format!("Bearer {}", self.token), http());
        let media = if path == "/events" { "application/cloudevents+json" } else { "application/json" };
        let sent = match method {
            "GET" => agent.get(&url).header("authorization", bearer).call(),
            "PUT" => {
                agent.put(&url).header("authorization", bearer).content_type(media).send(body.to_string())
            }
            _ => agent.post(&url).header("authorization", bearer).content_type(media).send(body.to_string()),
        };
        let mut response = sent.unwrap();
        let text = response.body_mut().read_to_string().unwrap();
        (response.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    fn send(&self, event: &Value) {
        self.sent.set(self.sent.get() + 1);
        let mut event = event.clone();
        event["id"] = self.sent.get().to_string().into();
        let (status, answer) = self.ask("POST", "/events", &event);
        assert_eq!(status, 202, "{answer}");
    }

    /// Stores an example; says why it cannot be.
    fn store(&self, name: &str, text: &str) -> Result<(), String> {
        let source = local(name, text, &self.services.url);
        let (status, answer) =
            self.ask("PUT", &format!("/workflows/official.{}", slug(name)), &json!({"source": source}));
        if status == 200 { Ok(()) } else { Err(answer["detail"].as_str().unwrap_or_default().to_owned()) }
    }

    fn start(&self, name: &str, input: &Value) -> Option<String> {
        let body = json!({"workflow": format!("official.{}", slug(name)), "input": input});
        let (status, answer) = self.ask("POST", "/runs", &body);
        assert_eq!(status, 201, "{name}: {answer}");
        Some(answer["id"].as_str().unwrap().to_owned())
    }

    /// Follows a run to its end; says why it did not end so.
    fn follow(&self, name: &str, run: Option<String>, events: &[Value], ends: Ends) -> Result<(), String> {
        let deadline = Instant::now() + Duration::from_secs(60);
        let over = wait_for(&format!("{name} to end"), Duration::from_secs(90), || {
            let id = run.clone().or_else(|| self.started_by_event(name));
            let detail = id.as_ref().map(|id| self.ask("GET", &format!("/runs/{id}"), &Value::Null).1);
            if let Some(detail) = detail.as_ref().filter(|d| d["ended_at"].is_string()) {
                return Some(detail.clone());
            }
            if Instant::now() > deadline {
                return Some(json!({"status": "not over", "error": detail}));
            }
            let listens =
                detail.as_ref().is_none_or(|d| d["waits_for"].as_str().unwrap_or_default().contains("event"));
            let work = if name.starts_with("listen") {
                "POST /fake-chat-api.com/room/lounge"
            } else {
                "GET /fake.com/notifications"
            };
            if ends == Ends::Cancelled && self.services.was_asked(work) {
                self.ask("POST", &format!("/runs/{}/cancel", id.unwrap_or_default()), &json!({}));
            } else if listens {
                events.iter().for_each(|event| self.send(event));
            }
            None
        });
        let status = over["status"].as_str().unwrap_or_default();
        let error = over["error"].to_string();
        let fits = match ends {
            Ends::Completed | Ends::ByEvent => status == "completed",
            Ends::Cancelled => status == "cancelled",
            Ends::Faulted(_) => status == "faulted" && error.contains("Not Implemented"),
        };
        if fits { Ok(()) } else { Err(format!("it is {status}: {error}")) }
    }

    fn started_by_event(&self, name: &str) -> Option<String> {
        let path = format!("/runs?workflow=official.{}&purpose=event&limit=1", slug(name));
        let (_, page) = self.ask("GET", &path, &Value::Null);
        Some(page["items"][0]["id"].as_str()?.to_owned())
    }
}

fn world(dir: &Path) -> World {
    let services = Services::start();
    let secrets = dir.join("secrets");
    std::fs::create_dir(&secrets).unwrap();
    let secret = json!({
        "authority": format!("{}/keycloak/realms/fake-authority", services.url), "grant": "client_credentials",
        "client": {"id": "workflow-runtime-id", "secret": "workflow-runtime-secret"},
    });
    std::fs::write(secrets.join("mySecret"), secret.to_string()).unwrap();
    let own = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(secrets.join("mySecret"), own).unwrap();
    // Programs run as somebody who must get to their folder.
    let programs = dir.join("programs");
    let passable = |folder: &Path| {
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o711)).unwrap();
    };
    std::fs::create_dir(&programs).unwrap();
    passable(dir);
    passable(&programs);
    let user = if rustix::process::geteuid().is_root() { "user = \"nobody\"\n" } else { "" };
    let extra = format!(
        "[workflows]\nsecrets_dir = {secrets:?}\n[functions]\nprograms_dir = {programs:?}\n\
         [functions.run]\nallow = [\"shell\"]\ncommands = [\"(?s).*\"]\npath = \"/usr/bin:/bin\"\n{user}"
    );
    let mut server = Server::new(dir, free_port(), &extra);
    server.start();
    server.wait_ready();
    let token = server.token();
    World { server, token, services, sent: std::cell::Cell::new(0) }
}

#[test]
fn the_official_examples_run_as_the_page_says() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    let register = "document: {dsl: '1.0.0', namespace: test, name: register-customer, version: '0.1.0'}\n\
                    do: [one: {set: {registered: true}}]\n";
    let (status, answer) =
        world.ask("PUT", "/workflows/test.register-customer", &json!({"source": register}));
    assert_eq!(status, 200, "{answer}");
    let (mut rows, mut wrong) = (BTreeMap::new(), Vec::new());
    let mut under_way = Vec::new();
    for (name, text) in texts("examples") {
        match how(&name) {
            How::No(why) => {
                rows.insert(name, format!("no: {why}"));
            }
            How::Run { input, events, ends } => match world.store(&name, &text) {
                Ok(()) => {
                    let run = if ends == Ends::ByEvent { None } else { world.start(&name, &input) };
                    under_way.push((name, run, events, ends));
                }
                Err(why) => wrong.push(format!("{name} is not taken: {why}")),
            },
        }
    }
    for (name, run, events, ends) in under_way {
        match world.follow(&name, run, &events, ends) {
            Ok(()) => drop(rows.insert(name, word(ends))),
            Err(why) => wrong.push(format!("{name}: {why}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(rows.len(), 66, "every example was looked at");
    hold(&page(&rows));
}

fn word(ends: Ends) -> String {
    match ends {
        Ends::Completed => "yes".to_owned(),
        Ends::ByEvent => "yes, started by its event".to_owned(),
        Ends::Faulted(status) => format!("yes, it ends with its error of status {status}"),
        Ends::Cancelled => "yes: seen at work, then cancelled, for it ends late or never".to_owned(),
    }
}

/// The page must be this; with `UPDATE_CONFORMANCE` it becomes it.
fn hold(page: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/conformance.md");
    if std::env::var_os("UPDATE_CONFORMANCE").is_some() {
        std::fs::write(&file, page).unwrap();
    }
    let now = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(now == page, "docs/reference/conformance.md is out of date: run `cargo xtask generate`\n{page}");
}

fn page(rows: &BTreeMap<String, String>) -> String {
    let features = texts("features");
    let scenario = |line: &str| line.trim().strip_prefix("Scenario: ").map(str::to_owned);
    let scenarios: Vec<(&String, String)> = features
        .iter()
        .flat_map(|(f, text)| text.lines().filter_map(scenario).map(move |s| (f, s)))
        .collect();
    let run = rows.values().filter(|row| row.starts_with("yes")).count();
    let mut page = format!(
        "# Conformance\n\n<!-- generated by `cargo xtask generate`; it runs crates/server/tests/it/conformance.rs -->\n\n\
         CNCF Serverless Workflow DSL 1.0.3. The official kit: {0} of {0} scenarios pass. The official examples: {1} of {1} \
         are read and fit the official schema, {run} run against the real server.\n\n\
         ## The kit\n\nEach ends as its scenario says (`crates/workflow/tests/conformance.rs`; services on the network are \
         replaced by a local one that answers the same documents).\n\n| feature | scenario | |\n|---|---|---|\n",
        scenarios.len(),
        rows.len(),
    );
    for (feature, name) in &scenarios {
        let _ = writeln!(page, "| {feature} | {name} | passes |");
    }
    page.push_str(
        "\n## The examples\n\nEach is stored in a server and run; hosts are replaced by local services, and documents \
         that share a name get their own. *read* and *fits* the official JSON Schema: `crates/workflow/tests/conformance.rs` checks each as it is.\n\n\
         | example | read | fits | runs here |\n|---|---|---|---|\n",
    );
    for (name, row) in rows {
        let _ = writeln!(page, "| {name} | yes | yes | {row} |");
    }
    page
}
