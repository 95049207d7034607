//! What a process is started with, and small looks from outside: health, leftovers, endpoints.

use std::collections::BTreeMap;
use std::time::Duration;

use model::InstanceState;
#[cfg(target_os = "linux")]
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::HostOptions;
#[cfg(target_os = "linux")]
use crate::proc::process_stat;
use crate::supervisor::Managed;

/// Program with arguments and environment of an instance.
pub(crate) fn command(
    options: &HostOptions,
    managed: &Managed,
    instance: &str,
    ports: &BTreeMap<String, u16>,
) -> (Vec<String>, Vec<(String, String)>) {
    let spec = &managed.spec;
    let data = managed.folder.data().display().to_string();
    let release = managed.folder.release_dir().map(|p| p.display().to_string()).unwrap_or_default();
    let config = managed.folder.config_file().map(|p| p.display().to_string()).unwrap_or_default();
    let main = spec.ports.first().and_then(|name| ports.get(name)).copied();
    let mut words = vec![
        ("{instance}".to_owned(), instance.to_owned()),
        ("{data}".to_owned(), data.clone()),
        ("{release}".to_owned(), release.clone()),
        ("{config}".to_owned(), config.clone()),
    ];
    words.extend(main.map(|p| ("{port}".to_owned(), p.to_string())));
    words.extend(ports.iter().map(|(name, p)| (format!("{{port:{name}}}"), p.to_string())));
    let fill =
        |text: &String| words.iter().fold(text.clone(), |text, (word, value)| text.replace(word, value));

    let mut env: Vec<(String, String)> = spec.env.iter().map(|(k, v)| (k.clone(), fill(v))).collect();
    let mut set = |name: &str, value: String| env.push((format!("HOMEOSTAT_{name}"), value));
    set("SERVICE", spec.name.clone());
    set("INSTANCE", instance.to_owned());
    set("DATA", data);
    set("RELEASE", release);
    set("VERSION", managed.folder.release().unwrap_or_default());
    set("CONFIG", config);
    set("ENDPOINTS", options.endpoints_file().display().to_string());
    if let Some(port) = main {
        set("ADDRESS", format!("127.0.0.1:{port}"));
    }
    for (name, port) in ports {
        set(&format!("PORT_{}", name.to_ascii_uppercase().replace('-', "_")), port.to_string());
    }
    if let Some(limit) = spec.disk_limit_bytes {
        set("DATA_LIMIT_BYTES", limit.to_string());
    }
    (spec.command.iter().map(fill).collect(), env)
}

/// Instances of a service that serve, as `endpoints.json` lists them.
pub(crate) fn endpoints_of(managed: &Managed) -> Value {
    let state = managed.state();
    let serving = state.record.instances.iter().filter(|i| {
        state.live.get(&i.name).is_some_and(|l| l.process.is_some() && l.state == InstanceState::Running)
    });
    serving
        .map(|i| {
            let main = managed.spec.ports.first().and_then(|p| i.ports.get(p));
            json!({"instance": i.name, "address": main.map(|p| format!("127.0.0.1:{p}")), "ports": i.ports})
        })
        .collect()
}

/// Returns when the health path answers 2xx; the caller bounds the time.
pub(crate) async fn until_healthy(port: u16, path: &str) {
    loop {
        if let Ok(Some(200..=299)) =
            tokio::time::timeout(Duration::from_secs(1), get_status(port, path)).await
        {
            return;
        }
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
}

/// Status of one HTTP request over loopback.
async fn get_status(port: u16, path: &str) -> Option<u16> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut head = [0_u8; 12];
    stream.read_exact(&mut head).await.ok()?;
    let head = std::str::from_utf8(&head).ok()?;
    // Simple servers, Python's among them, answer in HTTP/1.0.
    ["HTTP/1.1 ", "HTTP/1.0 "].iter().find_map(|version| head.strip_prefix(version))?.parse().ok()
}

/// Ends a process that a dead host left behind. The start time tells it from a stranger with the same id, and
/// the descriptor opened before looking keeps the id from passing on in between.
#[cfg(target_os = "linux")]
pub(crate) async fn end_orphan(pid: u32, start_ticks: u64) {
    let Some(id) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return };
    let Ok(process) = pidfd_open(id, PidfdFlags::empty()) else { return };
    let is_same = || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok();
        stat.and_then(|s| process_stat(&s)).is_some_and(|s| s.start_ticks == start_ticks)
    };
    if !is_same() {
        return;
    }
    tracing::warn!(process.pid = pid, "ending a process of an earlier host");
    let _ = pidfd_send_signal(&process, Signal::KILL);
    for _ in 0..200 {
        if !is_same() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Other systems have no `/proc` that would tell it from a stranger with the same id: it is left, and named.
#[cfg(not(target_os = "linux"))]
pub(crate) async fn end_orphan(pid: u32, _: u64) {
    tracing::warn!(process.pid = pid, "a process of an earlier host may still run; look and end it by hand");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_of_either_version_of_http_is_an_answer() {
        for (answer, status) in [
            ("HTTP/1.1 200 OK\r\n\r\n", Some(200)),
            ("HTTP/1.0 204 No Content\r\n\r\n", Some(204)),
            ("HTTP/1.0 503 Not Now\r\n\r\n", Some(503)),
            ("SSH-2.0-OpenSSH_9.2\r\n", None),
            ("HTTP/1.1", None),
        ] {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let port = listener.local_addr().unwrap().port();
            let server = async {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut asked = [0; 1024];
                let read = stream.read(&mut asked).await.unwrap();
                assert!(asked[..read].starts_with(b"GET /well HTTP/1.1\r\n"));
                stream.write_all(answer.as_bytes()).await.unwrap();
            };
            let (got, ()) = tokio::join!(get_status(port, "/well"), server);
            assert_eq!(got, status, "{answer:?}");
        }
    }
}
