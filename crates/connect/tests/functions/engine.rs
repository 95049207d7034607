//! A container engine for tests: it answers as Docker Engine 27.3 does (API v1.47,
//! <https://docs.docker.com/reference/api/engine/version/v1.47/>) on a unix socket. Its containers are shell commands
//! on this machine, without any isolation.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use model::Timestamp;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::watch;

/// The engine, and what was asked of it.
pub(crate) struct Engine {
    pub(crate) socket: PathBuf,
    pub(crate) state: Arc<Mutex<State>>,
    server: tokio::task::JoinHandle<()>,
}

#[derive(Default)]
pub(crate) struct State {
    /// Images that are here.
    pub(crate) images: Vec<String>,
    /// Images that a registry has.
    pub(crate) registry: Vec<String>,
    pub(crate) pulls: Vec<String>,
    pub(crate) containers: BTreeMap<String, Container>,
    pub(crate) removed: Vec<String>,
    /// What the next requests of a method and path prefix are answered instead: status and body.
    pub(crate) instead: Vec<(&'static str, u16, String)>,
    pub(crate) api_version: Option<&'static str>,
    pub(crate) min_api_version: Option<&'static str>,
    made: u32,
}

pub(crate) struct Container {
    pub(crate) name: String,
    pub(crate) body: Value,
    pub(crate) status: &'static str,
    pub(crate) starts: u32,
    pub(crate) finished_at: String,
    pub(crate) exit_code: i64,
    stdin: Option<ChildStdin>,
    pid: Option<u32>,
    attached: Option<watch::Sender<Option<Vec<u8>>>>,
    log: watch::Sender<Vec<u8>>,
    over: watch::Sender<bool>,
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.server.abort();
        for container in self.state.lock().unwrap().containers.values() {
            container.kill();
        }
    }
}

impl Container {
    fn kill(&self) {
        if let Some(pid) =
            self.pid.filter(|_| self.status == "running").and_then(|pid| i32::try_from(pid).ok())
        {
            let group = rustix::process::Pid::from_raw(pid).unwrap();
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}

impl Engine {
    pub(crate) fn start(folder: &Path) -> Self {
        let socket = folder.join("engine.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let state = Arc::new(Mutex::new(State { images: vec!["alpine".into()], ..State::default() }));
        let shared = Arc::clone(&state);
        let server = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let state = Arc::clone(&shared);
                tokio::spawn(async move { serve(stream, state).await });
            }
        });
        Self { socket, state, server }
    }

    /// Looks at the only container there is.
    pub(crate) fn only<T>(&self, look: impl FnOnce(&mut Container) -> T) -> T {
        let mut state = self.state.lock().unwrap();
        assert_eq!(state.containers.len(), 1, "one container");
        look(state.containers.values_mut().next().unwrap())
    }
}

struct Request {
    method: String,
    path: String,
    query: BTreeMap<String, String>,
    body: Value,
}

enum Answer {
    Json(u16, Value),
    Empty(u16),
    Lines(Vec<Value>),
    Attach(String),
    Logs(String),
    Wait(String),
}

fn problem(status: u16, message: impl Into<String>) -> Answer {
    Answer::Json(status, json!({"message": message.into()}))
}

async fn serve(stream: UnixStream, state: Arc<Mutex<State>>) {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read(&mut stream).await {
        match answer(&request, &state) {
            Answer::Json(status, body) => whole(&mut stream, status, &body.to_string()).await,
            Answer::Empty(status) => whole(&mut stream, status, "").await,
            Answer::Lines(lines) => {
                let text: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
                whole(&mut stream, 200, &text).await;
            }
            Answer::Attach(id) => return attach(stream, &id, &state).await,
            Answer::Logs(id) => return logs(stream, &id, &state).await,
            Answer::Wait(id) => {
                let mut over = state.lock().unwrap().containers[&id].over.subscribe();
                let _ = over.wait_for(|over| *over).await;
                let code = state.lock().unwrap().containers.get(&id).map_or(0, |c| c.exit_code);
                whole(&mut stream, 200, &json!({"StatusCode": code}).to_string()).await;
            }
        }
    }
}

async fn read(stream: &mut BufReader<UnixStream>) -> Option<Request> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        lines.push(line.trim_end().to_owned());
    }
    let mut first = lines[0].split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let length =
        lines.iter().find_map(|l| l.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).await.ok()?;
    let url = reqwest::Url::parse(&format!("http://engine{target}")).unwrap();
    let query = url.query_pairs().into_owned().collect();
    let body = serde_json::from_slice(&body).unwrap_or_default();
    Some(Request { method, path: url.path().to_owned(), query, body })
}

async fn whole(stream: &mut BufReader<UnixStream>, status: u16, body: &str) {
    let head = format!(
        "HTTP/1.1 {status} X\r\nApi-Version: 1.47\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    // A 204 or 304 has no body and no length.
    let head = if matches!(status, 204 | 304) { format!("HTTP/1.1 {status} X\r\n\r\n") } else { head };
    let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
}

fn answer(request: &Request, shared: &Arc<Mutex<State>>) -> Answer {
    let mut state = shared.lock().unwrap();
    let line = format!("{} {}", request.method, request.path);
    if let Some(at) = state.instead.iter().position(|(prefix, ..)| line.contains(prefix)) {
        let (_, status, body) = state.instead.remove(at);
        return Answer::Json(status, serde_json::from_str(&body).unwrap_or(Value::String(body)));
    }
    if request.path == "/version" {
        let (newest, oldest) = (state.api_version.unwrap_or("1.47"), state.min_api_version.unwrap_or("1.24"));
        return Answer::Json(
            200,
            json!({"Version": "27.3.1", "ApiVersion": newest, "MinAPIVersion": oldest}),
        );
    }
    let Some(path) = request.path.strip_prefix("/v1.47") else {
        return problem(400, "client version is too old");
    };
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    match (request.method.as_str(), &parts[..]) {
        ("GET", ["containers", "json"]) => list(&state, &request.query["filters"]),
        ("GET", ["images", name @ .., "json"]) => {
            let name = name.join("/");
            if state.images.contains(&name) {
                return Answer::Json(200, json!({"Id": "sha256:0", "RepoTags": [name]}));
            }
            problem(404, format!("No such image: {name}"))
        }
        ("POST", ["images", "create"]) => pull(&mut state, &request.query["fromImage"]),
        ("POST", ["containers", "create"]) => create(&mut state, request),
        (method, ["containers", id, rest @ ..]) => {
            let id = (*id).to_owned();
            if !state.containers.contains_key(&id) {
                return problem(404, format!("No such container: {id}"));
            }
            drop(state);
            container(method, rest, id, shared)
        }
        _ => problem(404, "page not found"),
    }
}

fn list(state: &State, filters: &str) -> Answer {
    let filters: Value = serde_json::from_str(filters).unwrap();
    let label = filters["label"][0].as_str().unwrap();
    let (name, value) = label.split_once('=').map_or((label, None), |(name, value)| (name, Some(value)));
    let has = |container: &Container| {
        let found = container.body["Labels"][name].as_str();
        found.is_some() && (value.is_none() || found == value)
    };
    let listed = state.containers.iter().filter(|(_, container)| has(container)).map(|(id, container)| {
        json!({
            "Id": id,
            "Names": [format!("/{}", container.name)],
            "Image": container.body["Image"],
            "State": container.status,
            "Labels": container.body["Labels"],
        })
    });
    Answer::Json(200, listed.collect())
}

fn pull(state: &mut State, image: &str) -> Answer {
    state.pulls.push(image.to_owned());
    let short = image.strip_suffix(":latest").unwrap_or(image).to_owned();
    if state.registry.contains(&short) {
        state.images.push(short);
        return Answer::Lines(vec![
            json!({"status": format!("Pulling from library/{image}"), "id": "latest"}),
            json!({"status": "Downloading", "progressDetail": {"current": 1, "total": 2}, "id": "a"}),
            json!({"status": format!("Status: Downloaded newer image for {image}")}),
        ]);
    }
    let message =
        format!("pull access denied for {short}, repository does not exist or may require 'docker login'");
    Answer::Lines(vec![json!({"errorDetail": {"message": message}, "error": message})])
}

fn create(state: &mut State, request: &Request) -> Answer {
    let image = request.body["Image"].as_str().unwrap();
    if !state.images.iter().any(|have| have == image) {
        return problem(404, format!("No such image: {image}:latest"));
    }
    let name = request.query["name"].clone();
    if let Some((id, _)) = state.containers.iter().find(|(_, c)| c.name == name) {
        return problem(
            409,
            format!("Conflict. The container name \"/{name}\" is already in use by container \"{id}\"."),
        );
    }
    state.made += 1;
    let id = format!("{:064x}", state.made);
    let container = Container {
        name,
        body: request.body.clone(),
        status: "created",
        starts: 0,
        finished_at: "0001-01-01T00:00:00Z".to_owned(),
        exit_code: 0,
        stdin: None,
        pid: None,
        attached: None,
        log: watch::Sender::new(Vec::new()),
        over: watch::Sender::new(false),
    };
    state.containers.insert(id.clone(), container);
    Answer::Json(201, json!({"Id": id, "Warnings": []}))
}

fn container(method: &str, rest: &[&str], id: String, shared: &Arc<Mutex<State>>) -> Answer {
    let mut state = shared.lock().unwrap();
    let found = state.containers.get_mut(&id).unwrap();
    match (method, rest) {
        ("POST", ["attach"]) => Answer::Attach(id),
        ("GET", ["logs"]) => Answer::Logs(id),
        ("POST", ["wait"]) => Answer::Wait(id),
        ("POST", ["start"]) if found.status != "created" => Answer::Empty(304),
        ("POST", ["start"]) => {
            start(&id, found, shared);
            Answer::Empty(204)
        }
        ("POST", ["stop"]) if found.status != "running" => Answer::Empty(304),
        ("POST", ["stop"]) => {
            found.kill();
            Answer::Empty(204)
        }
        ("GET", ["json"]) => Answer::Json(
            200,
            json!({"Id": id, "State": {
                "Status": found.status,
                "Running": found.status == "running",
                "OOMKilled": false,
                "ExitCode": found.exit_code,
                "Error": "",
                "FinishedAt": found.finished_at,
            }}),
        ),
        ("DELETE", []) => {
            found.kill();
            state.containers.remove(&id);
            state.removed.push(id);
            Answer::Empty(204)
        }
        _ => problem(404, "page not found"),
    }
}

/// Starts what the container is: a command on this machine.
fn start(id: &str, container: &mut Container, shared: &Arc<Mutex<State>>) {
    let words = |name: &str| {
        let list = container.body[name].as_array().into_iter().flatten();
        list.map(|word| word.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    // The image of these tests has no entry point and runs this by itself.
    let (entry, mut arguments) = (words("Entrypoint"), words("Cmd"));
    let mut argv = entry;
    if argv.is_empty() && arguments.is_empty() {
        arguments = vec!["echo".into(), "the image's own command".into()];
    }
    argv.append(&mut arguments);
    let environment = words("Env");
    let has_input = container.body["OpenStdin"] == true;
    let mut child = Command::new(&argv[0])
        .args(&argv[1..])
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .envs(environment.iter().filter_map(|pair| pair.split_once('=')))
        .stdin(if has_input { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .unwrap();
    container.stdin = child.stdin.take();
    container.pid = child.id();
    container.status = "running";
    container.starts += 1;
    if let (Some(mut stdin), Some(attached)) = (container.stdin.take(), &container.attached) {
        let mut given = attached.subscribe();
        tokio::spawn(async move {
            let given = given.wait_for(Option::is_some).await.map(|g| g.clone()).ok().flatten();
            let _ = stdin.write_all(&given.unwrap_or_default()).await;
        });
    }
    tokio::spawn(run(
        child,
        id.to_owned(),
        Arc::clone(shared),
        container.log.clone(),
        container.over.clone(),
    ));
}

async fn run(
    mut child: Child,
    id: String,
    shared: Arc<Mutex<State>>,
    log: watch::Sender<Vec<u8>>,
    over: watch::Sender<bool>,
) {
    let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let ((), (), status) = tokio::join!(frames(1, out, &log), frames(2, err, &log), child.wait());
    if let Some(container) = shared.lock().unwrap().containers.get_mut(&id) {
        let status = status.unwrap();
        let signal = std::os::unix::process::ExitStatusExt::signal(&status);
        container.exit_code = status.code().map_or(128 + i64::from(signal.unwrap_or(0)), i64::from);
        container.status = "exited";
        container.finished_at = ports::Clock::now(&ports::SystemClock).to_string();
    }
    over.send_replace(true);
}

async fn frames(kind: u8, mut from: impl AsyncRead + Unpin, log: &watch::Sender<Vec<u8>>) {
    let mut piece = vec![0; 4096];
    while let Ok(read @ 1..) = from.read(&mut piece).await {
        log.send_modify(|log| {
            log.extend([kind, 0, 0, 0]);
            log.extend(u32::try_from(read).unwrap().to_be_bytes());
            log.extend(&piece[..read]);
        });
        // An engine writes no faster than its disk.
        if log.borrow().len() > 8 * 1024 * 1024 {
            return;
        }
    }
}

async fn attach(mut stream: BufReader<UnixStream>, id: &str, state: &Arc<Mutex<State>>) {
    let given = watch::Sender::new(None);
    state.lock().unwrap().containers.get_mut(id).unwrap().attached = Some(given.clone());
    let head = "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\n\
                Upgrade: tcp\r\n\r\n";
    let _ = stream.write_all(head.as_bytes()).await;
    let mut input = Vec::new();
    let _ = stream.read_to_end(&mut input).await;
    given.send_replace(Some(input));
}

async fn logs(mut stream: BufReader<UnixStream>, id: &str, state: &Arc<Mutex<State>>) {
    let (mut log, mut over) = {
        let state = state.lock().unwrap();
        (state.containers[id].log.subscribe(), state.containers[id].over.subscribe())
    };
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.multiplexed-stream\r\n\
                Transfer-Encoding: chunked\r\n\r\n";
    let _ = stream.write_all(head.as_bytes()).await;
    let mut sent = 0;
    loop {
        let is_over = *over.borrow();
        let new = log.borrow_and_update()[sent..].to_vec();
        if !new.is_empty() {
            sent += new.len();
            let chunk = [format!("{:x}\r\n", new.len()).as_bytes(), &new, b"\r\n"].concat();
            if stream.write_all(&chunk).await.is_err() {
                return;
            }
        } else if is_over {
            break;
        } else {
            tokio::select! {
                _ = log.changed() => {}
                _ = over.changed() => {}
            }
        }
    }
    let _ = stream.write_all(b"0\r\n\r\n").await;
}

/// An instant long ago, as an engine writes it.
pub(crate) fn long_ago() -> String {
    Timestamp::from_unix_ms(1_000).to_string()
}
