//! A whole Homeostat without sockets: engine, adapters, accounts, a machine that carries out actions.

use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use api::auth::Auth;
use api::demo::{DemoView, DemoWorld};
use api::{App, Code, DemoControl, Environment, Problem};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request};
use engine::command::Role;
use engine::records::Grants;
use engine::situation::{Patience, Rules};
use engine::{Engine, Options, Ports};
use model::{ActionCall, ActionSpec, Autonomy, AutonomyGrant, BlastRadius, Timestamp};
use ports::{ActionFailure, ActionResult, Actuator, Clock, Explainer, FailureKind, Op, Retry, Store};
use serde_json::{Value, json};
use store_embedded::{BlobFolder, BlobOptions, BusLog, BusOptions, StateStore};
use telemetry_embedded::{LogStore, SeriesStore};
use tempfile::TempDir;
use tower::ServiceExt;

pub(crate) const PASSWORD: &str = "correct-horse-battery";
/// Small, so that tests can exceed it.
pub(crate) const MAX_BODY_BYTES: usize = 256 * 1024;

/// The machine's clock, which tests can put forward.
#[derive(Default)]
pub(crate) struct TestClock {
    ahead_ms: AtomicI64,
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        ports::SystemClock.now().plus_ms(self.ahead_ms.load(Ordering::Relaxed))
    }
}

/// Carries out actions by writing them down.
#[derive(Default)]
pub(crate) struct Machine {
    pub(crate) done: Mutex<Vec<ActionCall>>,
}

#[async_trait::async_trait]
impl Actuator for Machine {
    fn actions(&self) -> Vec<ActionSpec> {
        let spec = |name: &str| ActionSpec {
            name: name.into(),
            summary: "test".into(),
            parameters: json!({"type": "object"}),
            inverse: None,
            blast_radius: BlastRadius::Instance,
            repeatable: true,
            deploys: false,
        };
        vec![spec("process.restart"), spec("process.start"), spec("process.stop")]
    }

    async fn execute(&self, call: &ActionCall) -> Result<ActionResult, ActionFailure> {
        self.done.lock().unwrap().push(call.clone());
        Ok(ActionResult { output: json!({}), inverse: None })
    }

    async fn dry_run(&self, _: &ActionCall) -> Result<String, ActionFailure> {
        Err(ActionFailure::new(FailureKind::Configuration, Retry::Permanent, "not in tests"))
    }
}

struct Faults;

#[async_trait::async_trait]
impl DemoControl for Faults {
    async fn view(&self) -> Result<DemoView, Problem> {
        Ok(DemoView { faults: Vec::new(), world: DemoWorld { running: true } })
    }

    async fn inject(&self, fault: &str, _: Option<&str>) -> Result<(), Problem> {
        if fault == "crash" { Ok(()) } else { Err(Problem::not_found("fault", fault)) }
    }

    async fn clear(&self, fault: &str) -> Result<(), Problem> {
        if fault == "crash" { Ok(()) } else { Err(Problem::not_found("fault", fault)) }
    }
}

pub(crate) struct World {
    pub(crate) app: App,
    pub(crate) router: Router,
    pub(crate) machine: Arc<Machine>,
    pub(crate) store: Arc<dyn Store>,
    clock: Arc<TestClock>,
    folder: TempDir,
}

/// Tokens of every kind.
pub(crate) struct Tokens {
    pub(crate) ingest: String,
    pub(crate) viewer: String,
    pub(crate) operator: String,
    pub(crate) approver: String,
    pub(crate) admin: String,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(Vec::new()).await
    }

    /// With these documents in the store before the engine opens it.
    pub(crate) async fn with(ops: Vec<Op>) -> Self {
        Self::open(tempfile::tempdir().unwrap(), ops).await
    }

    /// With a language model.
    pub(crate) async fn explained(model: Arc<dyn Explainer>, ops: Vec<Op>) -> Self {
        Self::open_with(tempfile::tempdir().unwrap(), ops, Some(model)).await
    }

    pub(crate) async fn open(folder: TempDir, ops: Vec<Op>) -> Self {
        Self::open_with(folder, ops, None).await
    }

    async fn open_with(folder: TempDir, ops: Vec<Op>, explainer: Option<Arc<dyn Explainer>>) -> Self {
        let path = folder.path();
        let store: Arc<dyn Store> = Arc::new(StateStore::open(path).unwrap());
        if !ops.is_empty() {
            store.commit(ops).await.unwrap();
        }
        let clock = Arc::new(TestClock::default());
        let machine = Arc::new(Machine::default());
        let ports = Ports {
            store: Arc::clone(&store),
            bus: Arc::new(BusLog::open(&path.join("bus"), BusOptions::default()).unwrap()),
            series: Arc::new(SeriesStore::open(path.join("series")).unwrap()),
            logs: Arc::new(LogStore::open(path.join("logs")).unwrap()),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            blobs: Arc::new(BlobFolder::open(path, BlobOptions::default()).unwrap()),
            secrets: Arc::new(()),
            functions: Vec::new(),
            resources: None,
            subscriber: None,
            explainer,
            actuators: [("machine".to_owned(), Arc::clone(&machine) as Arc<dyn Actuator>)].into(),
        };
        let options = Options {
            rules: rules(),
            detection: detect::Settings::default(),
            explain: engine::explain::ExplainLimits::default(),
            checkpoint_every: Duration::from_millis(200),
        };
        let engine = Engine::open(ports, options).await.unwrap();
        let auth = Arc::new(Auth::new(engine.records().clone()));
        auth.set_user("admin", Role::Admin, PASSWORD, engine.now()).await.unwrap();
        let app = App {
            engine,
            auth,
            environment: Environment::Development,
            demo: Some(Arc::new(Faults)),
            connectors: crate::connectors::connectors(),
            components: Arc::new(Vec::new),
            allowed_hosts: Arc::new(vec!["homeostat.example".into()]),
            max_body_bytes: MAX_BODY_BYTES,
        };
        let pages = Router::new().fallback(|| async { "the dashboard" });
        let router = api::router(app.clone(), pages);
        Self { app, router, machine, store, clock, folder }
    }

    /// Ends everything and opens the same folder again.
    pub(crate) async fn reopened(self) -> Self {
        let Self { app, router, store, folder, .. } = self;
        app.engine.shutdown().await;
        drop((app, router, store));
        Self::open(folder, Vec::new()).await
    }

    pub(crate) fn advance(&self, ms: i64) {
        self.clock.ahead_ms.fetch_add(ms, Ordering::Relaxed);
    }

    pub(crate) async fn token(&self, name: &str, role: Option<Role>, ingest: bool) -> String {
        let now = self.app.engine.now();
        self.app.auth.create_token(name, (role, ingest), "test", None, now).await.unwrap().1
    }

    pub(crate) async fn admin(&self) -> String {
        self.token("admin-token", Some(Role::Admin), true).await
    }

    pub(crate) async fn tokens(&self) -> Tokens {
        Tokens {
            ingest: self.token("ingest", None, true).await,
            viewer: self.token("viewer", Some(Role::Viewer), false).await,
            operator: self.token("operator", Some(Role::Operator), false).await,
            approver: self.token("approver", Some(Role::Approver), false).await,
            admin: self.token("admin", Some(Role::Admin), false).await,
        }
    }

    pub(crate) fn ask(&self, method: &str, path: &str) -> Ask {
        let request = Request::builder()
            .method(Method::from_bytes(method.as_bytes()).unwrap())
            .uri(path)
            .header("host", "127.0.0.1:7070");
        Ask { router: self.router.clone(), request, body: Body::empty() }
    }

    pub(crate) fn get(&self, path: &str) -> Ask {
        self.ask("GET", &format!("/api/v1{path}"))
    }

    pub(crate) fn post(&self, path: &str) -> Ask {
        self.ask("POST", &format!("/api/v1{path}"))
    }

    pub(crate) fn put(&self, path: &str) -> Ask {
        self.ask("PUT", &format!("/api/v1{path}"))
    }

    pub(crate) fn delete(&self, path: &str) -> Ask {
        self.ask("DELETE", &format!("/api/v1{path}"))
    }

    /// Stores a workflow `test.<name>`; `rest` is what comes after `document`.
    pub(crate) async fn save(&self, admin: &str, name: &str, rest: &str) {
        self.save_version(admin, name, "1.0.0", rest).await;
    }

    pub(crate) async fn save_version(&self, admin: &str, name: &str, version: &str, rest: &str) {
        let source = document(name, version, rest);
        let body = json!({"source": source});
        self.put(&format!("/workflows/test.{name}")).token(admin).json(&body).send().await.is(200);
    }

    /// Starts `test.<name>` and gives the run's path.
    pub(crate) async fn run(&self, token: &str, name: &str, input: Value) -> String {
        let body = json!({"workflow": format!("test.{name}"), "input": input});
        let started = self.post("/runs").token(token).json(&body).send().await.is(201).json();
        format!("/runs/{}", started["id"].as_str().unwrap())
    }

    /// Waits until a run has this status.
    pub(crate) async fn status(&self, run: &str, token: &str, wanted: &str) -> Value {
        self.until(run, token, |detail| detail["status"] == wanted).await
    }

    /// Actions in the audit log, newest first.
    pub(crate) async fn audit(&self, admin: &str) -> Vec<Value> {
        let rows = self.get("/audit?limit=1000").token(admin).send().await.is(200).json();
        rows["items"].as_array().unwrap().clone()
    }

    /// Asks again until the answer is as wanted; fails after a bound.
    pub(crate) async fn until(
        &self,
        path: &str,
        token: &str,
        mut wanted: impl FnMut(&Value) -> bool,
    ) -> Value {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let answer = self.get(path).token(token).send().await;
            if answer.status == 200 && wanted(&answer.json()) {
                return answer.json();
            }
            assert!(Instant::now() < deadline, "{path} stays {} {}", answer.status, answer.text());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// A workflow document `test.<name>`.
pub(crate) fn document(name: &str, version: &str, rest: &str) -> String {
    format!("document: {{dsl: '1.0.3', namespace: test, name: {name}, version: '{version}'}}\n{rest}\n")
}

/// A request being written.
pub(crate) struct Ask {
    router: Router,
    request: axum::http::request::Builder,
    body: Body,
}

impl Ask {
    pub(crate) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let value = axum::http::HeaderValue::from_bytes(value.as_ref()).unwrap();
        if name == "host" {
            self.request.headers_mut().unwrap().insert("host", value);
        } else {
            self.request = self.request.header(name, value);
        }
        self
    }

    pub(crate) fn without_host(mut self) -> Self {
        self.request.headers_mut().unwrap().remove("host");
        self
    }

    pub(crate) fn token(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json").body(body.to_string())
    }

    pub(crate) fn body(mut self, body: impl Into<Body>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) async fn send(self) -> Answer {
        let response = self.router.oneshot(self.request.body(self.body).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body =
            tokio::time::timeout(Duration::from_secs(40), axum::body::to_bytes(body, usize::MAX)).await;
        let body = body.expect("an answer must end").unwrap().to_vec();
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    /// The status alone: for answers that never end.
    pub(crate) async fn open(self) -> axum::response::Response {
        self.router.oneshot(self.request.body(self.body).unwrap()).await.unwrap()
    }
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {} {}", self.status, self.text()))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }

    /// The answer, which must have this status.
    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }

    /// A Problem, which must be whole and of this code; returns it.
    #[track_caller]
    pub(crate) fn problem(&self, code: Code) -> Value {
        assert_eq!(
            self.header("content-type"),
            "application/problem+json",
            "{} {}",
            self.status,
            self.text()
        );
        let problem = self.json();
        assert_eq!(problem["code"], code.as_str(), "{problem}");
        assert_eq!(self.status, code.status().as_u16(), "{problem}");
        assert_eq!(problem["status"], self.status, "{problem}");
        assert_eq!(problem["type"], format!("/docs/errors/{}", code.as_str()));
        assert!(
            !problem["title"].as_str().unwrap().is_empty() && !problem["detail"].as_str().unwrap().is_empty()
        );
        assert!(
            self.body.len() < 2_000,
            "an error answer is short, whatever was sent: {} bytes",
            self.body.len()
        );
        problem
    }
}

fn rules() -> Rules {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let policy = std::fs::read_to_string(root.join("policies/default.yaml")).unwrap();
    let mut books = Vec::new();
    for entry in std::fs::read_dir(root.join("runbooks")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "md") {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            books.push((name, std::fs::read_to_string(path).unwrap()));
        }
    }
    books.sort();
    Rules {
        policy: Arc::new(decide::Policy::parse(&[("default.yaml".to_owned(), policy)]).unwrap()),
        runbooks: Arc::new(manifest::Runbooks::load(&books).unwrap()),
        actions: Default::default(),
        triage: Arc::default(),
        diagnosis: diagnose::Settings::default(),
        calendar: engine::calendar::Calendar::default(),
        // Incidents that tests put into the store stay as they are.
        patience: Patience { quiet_ms: 3_600_000, ..Patience::default() },
        default_grants: Grants {
            items: vec![AutonomyGrant { service: "*".into(), action: "*".into(), level: Autonomy::Propose }],
        },
        limits: engine::runs::Limits::default(),
    }
}
