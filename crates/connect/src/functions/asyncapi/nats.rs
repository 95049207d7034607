//! AsyncAPI over NATS: the address of a channel is a subject (AsyncAPI NATS bindings). Core NATS delivers at most once:
//! what is published while nobody subscribes, or while the connection is broken, is gone.

use std::time::Duration;

use async_nats::{Client, ConnectErrorKind, ConnectOptions, Event, HeaderMap, ServerAddr};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;
use ports::{ActionFailure, FailureKind, Retry};
use reqwest::Url;
use serde_json::{Map, Value};
use tokio::sync::mpsc;

use super::document::Target;
use super::subscription::{InboundMessage, Subscription};
use super::{Call, Outbound, message};
use crate::functions::auth::Authentication;
use crate::functions::failure;
use crate::functions::fields::{configuration, scalar};
use crate::functions::http::Web;

/// Messages of a subscription that wait for us; the client drops those that come beyond.
const WAITING_MAX: usize = 4_096;
/// Complaints that wait for us.
const TOLD_MAX: usize = 64;
/// Longest wait for a subscription to be known to the server.
const SETTLE: Duration = Duration::from_secs(5);
/// Reconnections before a subscription is given up.
const RECONNECTS: usize = 10;

/// What the client tells beside everything else.
enum Told {
    /// The server refused something, or messages were dropped.
    Complaint(ActionFailure),
    /// The connection broke.
    Broken,
    /// Everything before was told.
    Draining,
}

impl Told {
    fn of(event: &Event) -> Option<Self> {
        Some(match event {
            Event::ServerError(error) => {
                let text = error.to_string();
                let is_right = text.to_ascii_lowercase().contains("permissions violation");
                let kind = if is_right { FailureKind::Authorization } else { FailureKind::Communication };
                let text = format!("the NATS server refused: {}", receive::limits::cut(&text, 300));
                Self::Complaint(failure(kind, Retry::Permanent, text))
            }
            Event::SlowConsumer(_) => {
                let text =
                    format!("messages were lost: more than {WAITING_MAX} came before they could be taken");
                Self::Complaint(failure(FailureKind::Communication, Retry::Permanent, text))
            }
            Event::Disconnected => Self::Broken,
            Event::Draining => Self::Draining,
            _ => return None,
        })
    }
}

/// A connection for one call.
struct Connection {
    client: Client,
    told: mpsc::Receiver<Told>,
    /// Our own subject.
    inbox: String,
}

impl Connection {
    /// Whether it is only our own subject that was refused; few servers allow it to everybody.
    fn is_own(&self, complaint: &ActionFailure) -> bool {
        complaint.message.contains(&self.inbox)
    }

    /// Waits until the server has worked everything that was sent. Its protocol has no answer for that, but it works
    /// what one connection sends in order: a message to ourselves comes back, or is refused, after all before it.
    async fn settle(&mut self, drain: bool) -> Result<(), ActionFailure> {
        let lost = || {
            let text = "the NATS server did not confirm, and it is not known whether the message is out";
            failure(FailureKind::Communication, Retry::Exhausted, text)
        };
        let mut echo = self.client.subscribe(self.inbox.clone()).await.map_err(|_| lost())?;
        self.client.publish(self.inbox.clone(), Bytes::new()).await.map_err(|_| lost())?;
        let mut came_back = false;
        loop {
            tokio::select! {
                biased;
                told = self.told.recv() => match told {
                    Some(Told::Complaint(failure)) if self.is_own(&failure) => return Ok(()),
                    Some(Told::Complaint(failure)) => return Err(failure),
                    Some(Told::Draining) => return Ok(()),
                    Some(Told::Broken) | None => return Err(lost()),
                },
                came = echo.next(), if !came_back => {
                    came.ok_or_else(lost)?;
                    if !drain {
                        return Ok(());
                    }
                    // Complaints come by a way of their own; this is told after all of them.
                    came_back = true;
                    self.client.drain().await.map_err(|_| lost())?;
                }
            }
        }
    }
}

/// Publishes, and waits until the server has it.
pub(super) async fn publish(
    web: &Web,
    call: Call,
    subject: &str,
    message: Outbound,
    key: &str,
) -> Result<(), ActionFailure> {
    let payload = message::encode(&call.target.content_type, &message.payload)?;
    let headers = headers(&message.headers, &call.target, key)?;
    let mut connection = connect(web, &call).await?;
    let sent = connection.client.publish_with_headers(subject.to_owned(), headers, payload).await;
    sent.map_err(|error| {
        let text = format!("the message was not published: {error}");
        failure(FailureKind::Configuration, Retry::Permanent, text)
    })?;
    connection.settle(true).await
}

/// Subscribes; what is published after this returns is delivered.
pub(super) async fn subscribe(
    web: &Web,
    call: Call,
    subject: &str,
) -> Result<Box<dyn Subscription>, ActionFailure> {
    let mut connection = connect(web, &call).await?;
    let (client, subject) = (&connection.client, subject.to_owned());
    let subscribed = match call.target.nats_queue.clone() {
        Some(queue) => client.queue_subscribe(subject, queue).await,
        None => client.subscribe(subject).await,
    };
    let messages = subscribed
        .map_err(|error| configuration(format!("the NATS subscription is not possible: {error}")))?;
    tokio::time::timeout(SETTLE, connection.settle(false)).await.unwrap_or_else(|_| {
        let text = "the NATS server did not confirm the subscription";
        Err(failure(FailureKind::Communication, Retry::Temporary, text))
    })?;
    Ok(Box::new(Messages { messages, connection, target: call.target }))
}

struct Messages {
    messages: async_nats::Subscriber,
    connection: Connection,
    target: Target,
}

#[async_trait]
impl Subscription for Messages {
    async fn next(&mut self) -> Result<Option<InboundMessage>, ActionFailure> {
        let came = loop {
            tokio::select! {
                biased;
                told = self.connection.told.recv() => match told {
                    Some(Told::Complaint(failure)) if !self.connection.is_own(&failure) => return Err(failure),
                    // The client connects again by itself, and ends the messages when it gives up.
                    Some(_) => {}
                    None => return Ok(None),
                },
                came = self.messages.next() => break came,
            }
        };
        let Some(came) = came else { return Ok(None) };
        let mut headers = Map::new();
        for (name, values) in came.headers.iter().flat_map(HeaderMap::iter) {
            let name = name.to_string();
            values.iter().for_each(|value| message::add(&mut headers, &name, value.to_string()));
        }
        Ok(Some(message::decode(&self.target, headers, &came.payload)))
    }
}

fn headers(given: &Map<String, Value>, target: &Target, key: &str) -> Result<HeaderMap, ActionFailure> {
    let mut headers = HeaderMap::new();
    let own = [
        ("Content-Type", target.content_type.clone()),
        ("Idempotency-Key", key.to_owned()),
        ("Nats-Msg-Id", key.to_owned()),
    ];
    let given_names: Vec<String> = given.keys().map(|name| name.to_ascii_lowercase()).collect();
    let own = own.into_iter().filter(|(name, _)| !given_names.contains(&name.to_ascii_lowercase()));
    let mut all: Vec<(String, String)> = own.map(|(name, value)| (name.to_owned(), value)).collect();
    for (name, value) in given {
        let text = scalar(value);
        let text = text.ok_or_else(|| configuration(format!("with.message.headers.{name} must be text")))?;
        all.push((name.clone(), text));
    }
    for (name, value) in all {
        let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':');
        if !is_name || value.contains(['\r', '\n']) {
            let shown = receive::limits::cut(&name, 80);
            return Err(configuration(format!(
                "{shown:?} cannot be a header: no line breaks, and a name without spaces"
            )));
        }
        headers.append(name, value);
    }
    Ok(headers)
}

async fn connect(web: &Web, call: &Call) -> Result<Connection, ActionFailure> {
    let Target { host, secure, .. } = &call.target;
    let wrong = || {
        configuration(format!("{:?} is not the address of a NATS server", receive::limits::cut(host, 200)))
    };
    // The rules for where requests may go are about hosts and ports, whatever is spoken there.
    let url = Url::parse(&format!("http://{host}")).map_err(|_| wrong())?;
    let port = host.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).unwrap_or(4_222);
    let mut checked = url.clone();
    checked.set_port(Some(port)).map_err(|()| wrong())?;
    web.check_resolved(&checked).await?;
    let scheme = if *secure { "tls" } else { "nats" };
    let address: ServerAddr =
        format!("{scheme}://{}:{port}", url.host_str().unwrap_or_default()).parse().map_err(|_| wrong())?;

    let (tell, told) = mpsc::channel(TOLD_MAX);
    let mut options = ConnectOptions::new()
        .name("homeostat")
        .connection_timeout(web.limits().connect_timeout)
        .subscription_capacity(WAITING_MAX)
        .max_reconnects(RECONNECTS)
        // Servers tell of others, to which nobody allowed us to go.
        .ignore_discovered_servers()
        .require_tls(*secure)
        .event_callback(move |event| {
            // Whoever reads no more needs no more; the first complaint is the one that counts.
            if let Some(told) = Told::of(&event) {
                let _ = tell.try_send(told);
            }
            async {}
        });
    options = match &call.authentication {
        None => options,
        Some(Authentication::Basic(login)) => {
            options.user_and_password(login.username.clone(), login.password.clone())
        }
        Some(Authentication::Bearer(token)) => options.token(token.clone()),
        Some(other) => {
            let text = format!("NATS knows basic and bearer (a token), not {}", other.scheme());
            return Err(configuration(text));
        }
    };
    let client = options.connect(address).await.map_err(|error| unreachable(host, error.kind()))?;
    let inbox = client.new_inbox();
    Ok(Connection { client, told, inbox })
}

fn unreachable(host: &str, kind: ConnectErrorKind) -> ActionFailure {
    let at = receive::limits::cut(host, 200);
    match kind {
        ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication => {
            let text = format!("the NATS server {at} does not accept who asks; check `authentication`");
            failure(FailureKind::Authentication, Retry::Permanent, text)
        }
        ConnectErrorKind::TimedOut => failure(
            FailureKind::Timeout,
            Retry::Temporary,
            format!("the NATS server {at} did not answer in time"),
        ),
        kind => {
            let text =
                format!("the NATS server {at} was not reached: {kind}; check host and port, or start it");
            failure(FailureKind::Communication, Retry::Temporary, text).with_status(502)
        }
    }
}
