//! Starts the binary for tests, in folders and on ports of their own, and ends what it started.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

pub(crate) const HOST_TOKEN: &str = "host-token-for-tests-only";
pub(crate) const INGEST_TOKEN: &str = "hs_ingest-token-for-tests-only";

pub(crate) fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_homeostat"));
    command.env_remove("HOMEOSTAT_URL").env_remove("HOMEOSTAT_TOKEN").env_remove("HOMEOSTAT_CONFIG");
    command
}

/// A child that ends with its owner.
pub(crate) struct Owned(pub(crate) Child);

impl Drop for Owned {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Waits until `look` gives something.
pub(crate) fn wait_for<T>(what: &str, at_most: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + at_most;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {at_most:?} for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The demo world as a process of its own, so that it outlives the server under test.
pub(crate) struct World {
    _child: Owned,
    pub(crate) url: String,
}

impl World {
    pub(crate) fn start(dir: &Path, otlp_url: &str) -> Self {
        let mut child = binary()
            .args(["world", "--listen", "127.0.0.1:0", "--otlp-url", otlp_url, "--dir"])
            .arg(dir)
            .env("HOMEOSTAT_WORLD_TOKEN", HOST_TOKEN)
            .env("HOMEOSTAT_OTLP_TOKEN", INGEST_TOKEN)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = serde_json::from_str::<Value>(&line).expect("the world announces its address");
        Self { _child: Owned(child), url: format!("http://{}", address["address"].as_str().unwrap()) }
    }
}

/// A server with its own folder and port.
pub(crate) struct Server {
    pub(crate) dir: PathBuf,
    pub(crate) port: u16,
    config: PathBuf,
    child: Option<Owned>,
}

impl Server {
    pub(crate) fn new(dir: &Path, port: u16, extra: &str) -> Self {
        Self::listening(dir, &format!("listen = \"127.0.0.1:{port}\""), port, extra)
    }

    /// With options of `[server]`, which make it listen on `port` of whatever address.
    pub(crate) fn listening(dir: &Path, options: &str, port: u16, extra: &str) -> Self {
        let config = dir.join("homeostat.toml");
        let data = dir.join("data");
        let text = format!("{extra}\n[server]\n{options}\n[data]\ndir = {data:?}\n");
        std::fs::write(&config, text).unwrap();
        Self { dir: dir.to_owned(), port, config, child: None }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn start(&mut self) {
        let log =
            std::fs::OpenOptions::new().create(true).append(true).open(self.dir.join("server.log")).unwrap();
        let child = binary()
            .args(["up", "--config"])
            .arg(&self.config)
            .env("XDG_STATE_HOME", self.dir.join("state"))
            .env("TEST_HOST_TOKEN", HOST_TOKEN)
            .env("TEST_INGEST_TOKEN", INGEST_TOKEN)
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(Owned(child));
    }

    pub(crate) fn wait_ready(&self) {
        wait_for("the server to be ready", Duration::from_secs(30), || self.is_ready().then_some(()));
    }

    pub(crate) fn is_ready(&self) -> bool {
        let response = http().get(format!("{}/readyz", self.url())).call();
        response.is_ok_and(|response| response.status() == 200)
    }

    /// SIGKILL: no chance to tidy up.
    pub(crate) fn kill(&mut self) {
        drop(self.child.take());
    }

    /// SIGTERM, and the code it ends with.
    pub(crate) fn stop(&mut self) -> Option<i32> {
        let mut owned = self.child.take()?;
        let pid = rustix::process::Pid::from_child(&owned.0);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        owned.0.wait().unwrap().code()
    }

    /// The token of the local command line.
    pub(crate) fn token(&self) -> String {
        let file = self.dir.join("state/homeostat/context.json");
        let context: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        context["token"].as_str().unwrap().to_owned()
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        get(&format!("{}{path}", self.url()), &self.token())
    }
}

pub(crate) fn http() -> ureq::Agent {
    ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(10)))
        .http_status_as_error(false)
        .build()
        .into()
}

pub(crate) fn get(url: &str, token: &str) -> Value {
    let mut response = http().get(url).header("authorization", format!("Bearer {token}")).call().unwrap();
    let text = response.body_mut().read_to_string().unwrap();
    assert_eq!(response.status(), 200, "{url}: {text}");
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}

pub(crate) fn post(url: &str, token: &str, body: &Value) -> Option<u16> {
    let request = http().post(url).header("authorization", format!("Bearer {token}"));
    request
        .header("content-type", "application/json")
        .send(body.to_string())
        .ok()
        .map(|r| r.status().as_u16())
}

pub(crate) fn delete(url: &str, token: &str) {
    // A fault that is gone already is as good.
    let _ = http().delete(url).header("authorization", format!("Bearer {token}")).call();
}
