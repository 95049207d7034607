//! A `homeostat` process of our own: started with its own folders, watched, and ended with us.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// A process that ends when this is dropped.
pub(crate) struct Server {
    child: Child,
    said: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Starts it. `home` takes what it would write into the home folder, so that a server somebody uses stays the
    /// one their commands talk to.
    pub(crate) fn start(command: &mut Command, home: &Path) -> Result<Self, String> {
        command
            .env("HOME", home)
            .env("XDG_STATE_HOME", home.join("state"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        for name in ["HOMEOSTAT_URL", "HOMEOSTAT_TOKEN", "HOMEOSTAT_CONFIG"] {
            command.env_remove(name);
        }
        let mut child = command
            .spawn()
            .map_err(|e| format!("cannot start {}: {e}", command.get_program().to_string_lossy()))?;
        let said = Arc::new(Mutex::new(Vec::new()));
        if let Some(errors) = child.stderr.take() {
            let said = Arc::clone(&said);
            // Read to its end: a full pipe would stop the server.
            thread::spawn(move || {
                for line in BufReader::new(errors).lines().map_while(Result::ok) {
                    said.lock().unwrap_or_else(PoisonError::into_inner).push(line);
                }
            });
        }
        Ok(Self { child, said })
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line of its standard error that `pick` takes something from.
    pub(crate) fn wait_for_line<T>(
        &mut self,
        within: Duration,
        pick: impl Fn(&str) -> Option<T>,
    ) -> Result<T, String> {
        let began = Instant::now();
        while began.elapsed() < within {
            let found = self.said.lock().unwrap_or_else(PoisonError::into_inner).iter().find_map(|l| pick(l));
            if let Some(found) = found {
                return Ok(found);
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(format!("it ended ({status}) and said:\n{}", self.tail()));
            }
            thread::sleep(Duration::from_millis(20));
        }
        Err(format!("it was not ready within {} s and said:\n{}", within.as_secs(), self.tail()))
    }

    /// The last lines it said.
    pub(crate) fn tail(&self) -> String {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said[said.len().saturating_sub(40)..].join("\n")
    }

    /// Asks it to end, waits, and ends it for certain.
    fn stop(&mut self) {
        let pid = self.child.id().to_string();
        // Std can only kill; the server should end its children in order. Only our own child is meant.
        let _ = Command::new("kill").args(["-TERM", &pid]).stderr(Stdio::null()).status();
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(20) {
            match self.child.try_wait() {
                Ok(None) => thread::sleep(Duration::from_millis(20)),
                _ => return,
            }
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}
