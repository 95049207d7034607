//! What the tests of functions share: a store, folders, calls, and looking for processes.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use connect::functions::run::{RunFunctions, RunKind, RunPolicy, RunSettings};
use connect::functions::{ExternalResources, FRESH, Limits, Web};
use model::ActionCall;
use ports::{ActionFailure, Actuator, Store, SystemClock};
use serde_json::Value;
use store_embedded::StateStore;
use tempfile::TempDir;

/// A folder with a store, in which programs run.
pub(crate) struct World {
    pub(crate) folder: TempDir,
    pub(crate) store: Arc<dyn Store>,
}

/// A call of a function.
pub(crate) fn call(action: &str, key: &str, parameters: Value) -> ActionCall {
    ActionCall { action: action.to_owned(), parameters, idempotency_key: key.to_owned() }
}

/// Installs the TLS provider that clients need, once.
pub(crate) fn tls() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Reads resources over HTTP, and files of a folder.
pub(crate) fn resources(folder: Option<PathBuf>) -> Arc<ExternalResources> {
    tls();
    Arc::new(ExternalResources::new(Arc::new(Web::new(Limits::default()).unwrap()), folder, FRESH))
}

/// Everything that this machine can run, small limits.
pub(crate) fn policy() -> RunPolicy {
    let is_root = rustix::process::geteuid().is_root();
    RunPolicy {
        allow: vec![RunKind::Shell, RunKind::Javascript, RunKind::Python, RunKind::Container],
        commands: vec!["(?s).*".to_owned()],
        images: vec![".*".to_owned()],
        // Root must name somebody to become; others run programs as themselves.
        user: is_root.then(|| "nobody".to_owned()),
        // Not the tools of whoever runs the tests: those may lie where nobody else may look.
        path: "/usr/bin:/bin".to_owned(),
        wall_ms: 60_000,
        grace_ms: 200,
        ..RunPolicy::default()
    }
}

impl World {
    pub(crate) fn new() -> Self {
        tls();
        let folder = tempfile::tempdir().unwrap();
        // The user that programs run as must get to their folders.
        fs::set_permissions(folder.path(), Permissions::from_mode(0o711)).unwrap();
        let data = folder.path().join("data");
        fs::create_dir(&data).unwrap();
        fs::set_permissions(&data, Permissions::from_mode(0o700)).unwrap();
        let store = StateStore::open(&data).unwrap();
        Self { folder, store: Arc::new(store) }
    }

    pub(crate) async fn open(&self, policy: RunPolicy) -> RunFunctions {
        let settings = RunSettings {
            policy,
            folder: self.programs(),
            guard: vec![env!("CARGO_BIN_EXE_run-guard").to_owned()],
            resources: self.resources(),
            store: Arc::clone(&self.store),
            clock: Arc::new(SystemClock),
        };
        RunFunctions::open(settings).await.unwrap()
    }

    /// Resources over HTTP, and files of a folder.
    pub(crate) fn resources(&self) -> Arc<ExternalResources> {
        let folder = self.folder.path().join("resources");
        fs::create_dir_all(&folder).unwrap();
        resources(Some(folder))
    }

    /// Folder of the folders of programs.
    pub(crate) fn programs(&self) -> PathBuf {
        self.folder.path().join("programs")
    }

    /// A folder that every user may write to, outside of those of programs.
    pub(crate) fn shared(&self) -> PathBuf {
        let path = self.folder.path().join("shared");
        fs::create_dir_all(&path).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o777)).unwrap();
        path
    }
}

/// Runs a function once and gives its output.
pub(crate) async fn output(
    functions: &dyn Actuator,
    action: &str,
    key: &str,
    parameters: Value,
) -> Result<Value, ActionFailure> {
    functions.execute(&call(action, key, parameters)).await.map(|done| done.output)
}

/// Waits until it holds.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let since = Instant::now();
    while !holds() {
        assert!(since.elapsed() < Duration::from_secs(30), "{what} did not come true");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// How many processes have this text in their command line.
pub(crate) fn running(marker: &str) -> usize {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let has = |path: &Path| {
        let line = fs::read(path.join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(marker)
    };
    entries.filter(|entry| has(&entry.path())).count()
}
