//! Serves a router over HTTP/1.1, with limits on time and on connections. Knows no route.
//!
//! `axum::serve` bounds neither: a peer that sends half of a request's head, or that takes nothing of its
//! answer, would hold a connection and its file descriptor for ever. How long a handler may take is not
//! decided here; that is up to the routes.

mod stream;

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioTimer;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use stream::Stream;

/// What a peer may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most connections at once; more wait, not yet accepted, until one ends.
    pub connections: usize,
    /// Time for the head of a request to be complete, counted from the start of the connection or from the
    /// end of the answer before it. So it is also how long an idle connection is kept.
    pub head: Duration,
    /// Time in which a peer must take something of an answer that waits for it.
    pub stalled: Duration,
    /// Time for answers under way to be finished once told to stop; zero cuts them off.
    pub grace: Duration,
}

impl Default for Limits {
    /// Fits a server among some hundred agents and people: below the usual limit of 1,024 open files.
    fn default() -> Self {
        Self {
            connections: 512,
            head: Duration::from_secs(30),
            stalled: Duration::from_secs(30),
            grace: Duration::from_millis(500),
        }
    }
}

/// The address of this machine at which a connection came in; every request carries it as an extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalAddress(pub SocketAddr);

/// After an error of the listener that is not the peer's, such as too many open files.
const ACCEPT_AGAIN: Duration = Duration::from_secs(1);
/// That all connections are in use is said at most this often.
const SAY_FULL_EVERY: Duration = Duration::from_secs(60);

/// Serves until `stop` is ready; then takes no more connections and ends those it has, see [`Limits::grace`].
pub async fn serve(listener: TcpListener, routes: Router, limits: Limits, stop: impl Future<Output = ()>) {
    let stopping = CancellationToken::new();
    let mut open = JoinSet::new();
    let mut said_full: Option<Instant> = None;
    let mut stop = pin!(stop);
    loop {
        let is_full = open.len() >= limits.connections;
        if is_full && said_full.is_none_or(|at| at.elapsed() >= SAY_FULL_EVERY) {
            tracing::warn!(
                connections = open.len(),
                "All connections are in use; others wait for one to end."
            );
            said_full = Some(Instant::now());
        }
        tokio::select! {
            () = &mut stop => break,
            Some(_) = open.join_next() => {}
            accepted = listener.accept(), if !is_full => match accepted {
                Ok((stream, _)) => {
                    open.spawn(connection(stream, routes.clone(), limits, stopping.clone()));
                }
                Err(error) if is_of_peer(&error) => {}
                Err(error) => {
                    tracing::error!(%error, "Cannot accept connections; trying again in a second.");
                    tokio::select! { () = &mut stop => break, () = tokio::time::sleep(ACCEPT_AGAIN) => {} }
                }
            },
        }
    }
    drop(listener);
    stopping.cancel();
    let ended = async { while open.join_next().await.is_some() {} };
    // What is not finished by then is cut off: dropping the set ends its tasks.
    let _ = tokio::time::timeout(limits.grace, ended).await;
}

fn is_of_peer(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

async fn connection(stream: TcpStream, routes: Router, limits: Limits, stopping: CancellationToken) {
    // The peer may be gone already.
    let Ok(local) = stream.local_addr() else { return };
    // Small events of live views must not wait for more to be sent with them; without it they are late, not lost.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| answer(routes.clone(), LocalAddress(local), request));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits.head);
    let mut serving = pin!(http.serve_connection(Stream::new(stream, limits.stalled), service));
    tokio::select! {
        ended = serving.as_mut() => return note(ended),
        () = stopping.cancelled() => serving.as_mut().graceful_shutdown(),
    }
    note(serving.await);
}

async fn answer(
    routes: Router,
    local: LocalAddress,
    mut request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    request.extensions_mut().insert(local);
    routes.oneshot(request).await
}

/// How a connection ended concerns its peer; here it only helps who looks for a reason.
fn note(ended: Result<(), hyper::Error>) {
    if let Err(error) = ended {
        tracing::debug!(%error, "A connection ended before its time.");
    }
}
