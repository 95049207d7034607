//! Peers that are slow, silent or many, over real sockets. Everything waits for what must happen.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Extension;
use axum::routing::get;
use serve::{Limits, LocalAddress, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;

/// Nothing here takes as long.
const AT_MOST: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(100);
const WHOLE: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";

/// Limits of which none is reached.
fn patient() -> Limits {
    Limits { connections: 100, head: AT_MOST * 9, stalled: AT_MOST * 9, grace: AT_MOST * 9 }
}

struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<()>,
}

impl Server {
    async fn start(limits: Limits, routes: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let ended = tokio::spawn(serve(listener, routes, limits, async { _ = stopped.await }));
        Self { address, stop, ended }
    }

    async fn connect(&self) -> Peer {
        Peer(TcpStream::connect(self.address).await.unwrap())
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        within(self.ended).await.unwrap();
    }
}

struct Peer(TcpStream);

impl Peer {
    async fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    /// Reads up to the end of an answer whose body ends with `last`.
    async fn answer(&mut self, last: &str) -> String {
        let mut text = String::new();
        while !text.ends_with(last) {
            let mut bytes = [0; 1024];
            let read = within(self.0.read(&mut bytes)).await.unwrap();
            assert!(read > 0, "closed after {text:?}");
            text.push_str(std::str::from_utf8(&bytes[..read]).unwrap());
        }
        text
    }

    /// Waits until the server closes; a reset is as good.
    async fn closed(&mut self) {
        while let Ok(read) = within(self.0.read(&mut [0; 1024])).await {
            if read == 0 {
                return;
            }
        }
    }
}

async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(AT_MOST, work).await.expect("it happens in time")
}

fn hello() -> Router {
    Router::new().route("/", get(|| async { "hello" }))
}

#[tokio::test]
async fn half_a_head_does_not_hold_a_connection() {
    let server = Server::start(Limits { head: SHORT, ..patient() }, hello()).await;
    for sent in ["", "G", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nhost: x\r\nx-a: 1"] {
        let mut peer = server.connect().await;
        peer.send(sent.as_bytes()).await;
        peer.closed().await;
    }
    server.connect().await.send(WHOLE).await;
}

#[tokio::test]
async fn a_head_that_drips_does_not_hold_a_connection() {
    let server = Server::start(Limits { head: SHORT, ..patient() }, hello()).await;
    let (mut read, mut write) = server.connect().await.0.into_split();
    let drip = async {
        let mut tick = tokio::time::interval(SHORT / 10);
        write.write_all(b"GET / HTTP/1.1\r\nx-long: ").await.unwrap();
        while write.write_all(b"x").await.is_ok() {
            tick.tick().await;
        }
    };
    let mut byte = [0];
    within(async {
        tokio::select! {
            () = drip => {}
            read = read.read(&mut byte) => assert!(matches!(read, Ok(0) | Err(_)), "no answer to half a head"),
        }
    })
    .await;
}

#[tokio::test]
async fn an_idle_connection_is_kept_for_a_while_and_then_closed() {
    let server = Server::start(Limits { head: SHORT, ..patient() }, hello()).await;
    let mut peer = server.connect().await;
    for _ in 0..3 {
        peer.send(WHOLE).await;
        assert!(peer.answer("hello").await.starts_with("HTTP/1.1 200"));
    }
    peer.closed().await;
}

#[tokio::test]
async fn an_answer_that_takes_long_is_not_cut_by_the_time_for_heads() {
    let ready = Arc::new(Notify::new());
    let waiting = Arc::clone(&ready);
    let routes = Router::new().route("/", get(|| async move { waiting.notified().await }));
    let server = Server::start(Limits { head: SHORT, ..patient() }, routes).await;
    let mut slow = server.connect().await;
    slow.send(WHOLE).await;
    // Began later than the request, and is over: so is the time for heads.
    server.connect().await.closed().await;
    ready.notify_one();
    assert!(slow.answer("\r\n\r\n").await.starts_with("HTTP/1.1 200"));
}

/// Says when it is dropped.
struct Told(mpsc::Sender<()>);

impl Drop for Told {
    fn drop(&mut self) {
        self.0.try_send(()).unwrap();
    }
}

#[tokio::test]
async fn a_peer_that_takes_nothing_of_its_answer_is_dropped() {
    let (tell, mut told) = mpsc::channel(1);
    let routes = Router::new().route(
        "/",
        get(|| async move {
            let told = Told(tell);
            let endless = futures_util::stream::repeat_with(move || {
                let _ = &told;
                Ok::<_, std::io::Error>(Bytes::from_static(&[b'x'; 65_536]))
            });
            Body::from_stream(endless)
        }),
    );
    let server = Server::start(Limits { stalled: SHORT, ..patient() }, routes).await;
    let mut peer = server.connect().await;
    peer.send(WHOLE).await;
    within(told.recv()).await.expect("the answer is let go while the peer is still there");
    drop(peer);
}

#[tokio::test]
async fn connections_beyond_the_bound_wait_for_their_turn() {
    let (enter, mut entered) = mpsc::channel(10);
    let leave = Arc::new(Notify::new());
    let left = Arc::clone(&leave);
    let routes = Router::new().route(
        "/",
        get(|| async move {
            enter.send(()).await.unwrap();
            left.notified().await;
        }),
    );
    let server = Server::start(Limits { connections: 2, ..patient() }, routes).await;
    let mut peers = [server.connect().await, server.connect().await, server.connect().await];
    for peer in &mut peers {
        peer.send(WHOLE).await;
    }
    for _ in 0..2 {
        within(entered.recv()).await.unwrap();
    }
    // Tasks of this runtime run in turn: while another server answers, a third connection would come in.
    let other = Server::start(patient(), hello()).await;
    let mut peer = other.connect().await;
    for _ in 0..20 {
        peer.send(WHOLE).await;
        peer.answer("hello").await;
    }
    assert!(entered.try_recv().is_err(), "the third waits");
    leave.notify_one();
    let [first, second, mut third] = peers;
    drop((first, second));
    within(entered.recv()).await.expect("its turn has come");
    leave.notify_waiters();
    leave.notify_one();
    assert!(third.answer("\r\n\r\n").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn told_to_stop_it_finishes_what_is_under_way_and_takes_no_more() {
    let (enter, mut entered) = mpsc::channel(1);
    let ready = Arc::new(Notify::new());
    let waiting = Arc::clone(&ready);
    let routes = Router::new().route(
        "/",
        get(|| async move {
            enter.send(()).await.unwrap();
            waiting.notified().await;
            "done"
        }),
    );
    let server = Server::start(patient(), routes).await;
    let (mut idle, mut busy) = (server.connect().await, server.connect().await);
    busy.send(WHOLE).await;
    within(entered.recv()).await.unwrap();
    let Server { address, stop, ended } = server;
    stop.send(()).unwrap();
    idle.closed().await;
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
    ready.notify_one();
    let answer = busy.answer("done").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    within(ended).await.unwrap();
}

#[tokio::test]
async fn what_is_not_finished_in_time_is_cut_off() {
    for grace in [Duration::ZERO, SHORT] {
        let (enter, mut entered) = mpsc::channel(1);
        let routes = Router::new().route(
            "/",
            get(|| async move {
                enter.send(()).await.unwrap();
                std::future::pending::<()>().await;
            }),
        );
        let server = Server::start(Limits { grace, ..patient() }, routes).await;
        let mut peer = server.connect().await;
        peer.send(WHOLE).await;
        within(entered.recv()).await.unwrap();
        server.stop().await;
        peer.closed().await;
    }
}

#[tokio::test]
async fn a_request_knows_at_which_address_it_came_in() {
    let routes = Router::new().route(
        "/",
        get(|Extension(LocalAddress(at)): Extension<LocalAddress>| async move { format!("{at};") }),
    );
    let server = Server::start(patient(), routes).await;
    let mut peer = server.connect().await;
    peer.send(WHOLE).await;
    assert!(peer.answer(";").await.ends_with(&format!("\r\n\r\n{};", server.address)));
}
