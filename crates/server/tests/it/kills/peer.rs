//! A peer that honours the `Idempotency-Key`: a request with a key it knows gets the first answer and does nothing.
//! What it did is counted by what was to be done and not by key, so that an effect under a second key shows.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

/// Longest time from doing a thing to answering: long enough for kills to come between.
const ANSWER_TAKES_MS: u64 = 40;

/// By run, then by step, how often it was done.
pub(crate) type Done = BTreeMap<String, BTreeMap<String, u32>>;

#[derive(Default)]
struct Ledger {
    /// What was answered, by key.
    keys: BTreeMap<String, (u16, Value)>,
    done: Done,
    asked_again: u64,
    /// How often a step that is refused at first was refused.
    refused: BTreeMap<(String, String), u64>,
}

/// The peer.
pub(crate) struct Peer {
    address: std::net::SocketAddr,
    ledger: Arc<Mutex<Ledger>>,
    over: Arc<AtomicUsize>,
}

impl Peer {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (ledger, over) = (Arc::<Mutex<Ledger>>::default(), Arc::<AtomicUsize>::default());
        let peer = Self { address, ledger: Arc::clone(&ledger), over: Arc::clone(&over) };
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (ledger, over) = (Arc::clone(&ledger), Arc::clone(&over));
                std::thread::spawn(move || {
                    // A caller that was killed leaves its connection half way.
                    let _ = serve(stream, &ledger, &over);
                });
            }
        });
        peer
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Runs that did their last step.
    pub(crate) fn over(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.over)
    }

    pub(crate) fn done(&self) -> Done {
        hold(&self.ledger).done.clone()
    }

    /// Requests with a key that was known.
    pub(crate) fn asked_again(&self) -> u64 {
        hold(&self.ledger).asked_again
    }
}

fn hold(ledger: &Mutex<Ledger>) -> MutexGuard<'_, Ledger> {
    ledger.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(stream: TcpStream, ledger: &Mutex<Ledger>, over: &AtomicUsize) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut writer = stream;
    loop {
        let Some((key, body)) = request(&mut reader)? else { return Ok(()) };
        let Some((status, answer, pause)) = hold(ledger).take(&key, &body, over) else { return Ok(()) };
        std::thread::sleep(Duration::from_millis(pause));
        let text = answer.to_string();
        let head = format!(
            "HTTP/1.1 {status} -\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            text.len()
        );
        writer.write_all(format!("{head}{text}").as_bytes())?;
    }
}

/// The key and the body of the next request of a connection.
fn request(reader: &mut impl BufRead) -> std::io::Result<Option<(String, Value)>> {
    let (mut key, mut length) = (String::new(), 0);
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "idempotency-key" => value.clone_into(&mut key),
            "content-length" => length = value.parse().unwrap_or(0),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    assert!(!key.is_empty(), "a request came without a key");
    Ok(Some((key, serde_json::from_slice(&body)?)))
}

impl Ledger {
    /// Does what a request asks, once for each key: the answer, and how long it takes. None when the thing is done
    /// and nobody is told.
    fn take(&mut self, key: &str, body: &Value, over: &AtomicUsize) -> Option<(u16, Value, u64)> {
        let pause = key.bytes().fold(7_u64, |sum, byte| sum.wrapping_mul(31) ^ u64::from(byte));
        let pause = pause % ANSWER_TAKES_MS;
        if let Some((status, answer)) = self.keys.get(key) {
            self.asked_again += 1;
            return Some((*status, answer.clone(), pause));
        }
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        let (run, step) = (text("id"), text("step"));
        let refused = self.refused.entry((run.clone(), step.clone())).or_default();
        // A clear no: nothing was done, and the next attempt is another one, with another key.
        let refuses = *refused < body["refuses"].as_u64().unwrap_or(0);
        let (status, answer) = if refuses {
            *refused += 1;
            (422, json!({"error": "not yet"}))
        } else {
            *self.done.entry(run).or_default().entry(step).or_default() += 1;
            if body["last"] == true {
                over.fetch_add(1, Ordering::Relaxed);
            }
            (200, json!({"done": true}))
        };
        self.keys.insert(key.to_owned(), (status, answer.clone()));
        (body["drops"] != true).then_some((status, answer, pause))
    }
}
