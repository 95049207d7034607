//! The peers of the tests: a sink that remembers, and servers that misbehave.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use connect::{Pollers, Sink};
use model::Signal;
use ports::SystemClock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Remembers what it took; refuses as told.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) signals: Mutex<Vec<Signal>>,
    /// How many more calls are answered with `Overloaded`.
    pub(crate) overloaded: AtomicU64,
    /// How many more calls are answered with `Invalid`.
    pub(crate) invalid: AtomicU64,
}

impl Memory {
    pub(crate) fn count(&self, matches: impl Fn(&Signal) -> bool) -> usize {
        self.signals.lock().unwrap().iter().filter(|signal| matches(signal)).count()
    }
}

fn take_one(counter: &AtomicU64) -> bool {
    counter.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

#[async_trait]
impl Sink for Memory {
    async fn accept(&self, _source: &str, signals: Vec<Signal>) -> Result<(), ports::Error> {
        if take_one(&self.overloaded) {
            return Err(ports::Error::Overloaded("test".to_owned()));
        }
        if take_one(&self.invalid) {
            return Err(ports::Error::Invalid("test".to_owned()));
        }
        self.signals.lock().unwrap().extend(signals);
        Ok(())
    }
}

/// A set of pollers that ends with the test.
pub(crate) struct World {
    pub(crate) sink: Arc<Memory>,
    pub(crate) pollers: Pollers,
}

pub(crate) fn world() -> World {
    // The server does this at its start; the second test of a process finds it done.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let sink = Arc::new(Memory::default());
    let pollers = Pollers::new(Arc::clone(&sink) as _, Arc::new(SystemClock), &CancellationToken::new());
    World { sink, pollers }
}

/// Waits until something is so, for at most 20 s.
#[track_caller]
pub(crate) fn until(what: &str, is_so: impl Fn() -> bool) -> impl Future<Output = ()> {
    let place = std::panic::Location::caller();
    async move {
        let mut tick = tokio::time::interval(Duration::from_millis(3));
        for _ in 0..6_000 {
            if is_so() {
                return;
            }
            tick.tick().await;
        }
        panic!("never so: {what} ({place})");
    }
}

/// An axum server.
#[expect(clippy::disallowed_methods, reason = "somebody else's server, which ends with the test")]
pub(crate) async fn serve(app: axum::Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    address
}

/// A server that reads a little of each request, writes `answer`, and then either hangs up or keeps silent.
pub(crate) async fn raw(answer: &'static [u8], hang_up: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 1024]).await;
            let _ = stream.write_all(answer).await;
            if !hang_up {
                kept.push(stream);
            }
        }
    });
    address
}

/// An address where nobody listens.
pub(crate) async fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}
