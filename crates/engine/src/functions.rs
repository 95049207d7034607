//! Functions that workflows call beyond the actions of hosts: by name, with secrets put in at the last moment.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use model::secret::Revealed;
use model::{ActionCall, ActionSpec, Signal};
use ports::{ActionFailure, ActionResult, Actuator, FailureKind, Retry, Secrets, Subscriber};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use workflow::WorkflowError;

use crate::drive::Message;
use crate::runs::Subscribe;
use crate::sense::Intake;

/// Functions by name, and what they need.
pub(crate) struct Functions {
    by_name: BTreeMap<String, Arc<dyn Actuator>>,
    secrets: Arc<dyn Secrets>,
    subscriber: Option<Arc<dyn Subscriber>>,
}

impl Functions {
    pub(crate) fn new(
        functions: Vec<Arc<dyn Actuator>>,
        secrets: Arc<dyn Secrets>,
        subscriber: Option<Arc<dyn Subscriber>>,
        intake: Intake,
    ) -> Self {
        let emit: Arc<dyn Actuator> = Arc::new(Emit { intake });
        let by_name = functions
            .into_iter()
            .chain([emit])
            .flat_map(|f| f.actions().into_iter().map(move |spec| (spec.name, Arc::clone(&f))))
            .collect();
        Self { by_name, secrets, subscriber }
    }

    pub(crate) fn get(&self, name: &str) -> Option<Arc<dyn Actuator>> {
        self.by_name.get(name).cloned()
    }

    /// Puts secrets where their placeholders are. What comes back from the call must be hidden with the result.
    pub(crate) async fn reveal(
        &self,
        parameters: &mut Value,
        nonce: &str,
    ) -> Result<Revealed, WorkflowError> {
        let mut known = BTreeMap::new();
        for name in model::secret::names(parameters, nonce) {
            match self.secrets.get(&name).await {
                Ok(Some(secret)) => drop(known.insert(name, secret)),
                Ok(None) => {
                    let why =
                        format!("there is no secret {name}; `homeostat doctor` says where secrets are kept");
                    return Err(WorkflowError::configuration(why));
                }
                Err(error) => {
                    return Err(WorkflowError::runtime(format!("the secret {name} cannot be read: {error}")));
                }
            }
        }
        model::secret::resolve(parameters, nonce, |name: &str| known.get(name))
            .map_err(|error| WorkflowError::configuration(error.to_string()))
    }

    /// Gives a run the messages it subscribed to, until there are no more.
    pub(crate) async fn subscribe(&self, mut wanted: Subscribe, to_loop: mpsc::Sender<Message>) {
        let tell = async |message| {
            to_loop.send(Message::Delivered(wanted.run.clone(), wanted.id.clone(), message)).await.is_ok()
        };
        if let Err(error) = self.reveal(&mut wanted.parameters, &wanted.nonce).await {
            tell(Err(error)).await;
            return;
        }
        let Some(subscriber) = &self.subscriber else {
            tell(Err(WorkflowError::configuration("nothing here can subscribe to messages"))).await;
            return;
        };
        let (messages, mut received) = mpsc::channel(64);
        let work = subscriber.subscribe(&wanted.parameters, messages);
        tokio::pin!(work);
        loop {
            tokio::select! {
                message = received.recv() => match message {
                    Some(message) => if !tell(Ok(message)).await { return },
                    None => return,
                },
                ended = &mut work => {
                    while let Ok(message) = received.try_recv() {
                        tell(Ok(message)).await;
                    }
                    if let Err(failure) = ended {
                        tell(Err(error_of(&failure))).await;
                    }
                    return;
                }
            }
        }
    }
}

/// The standard error of a failed action.
pub(crate) fn error_of(failure: &ActionFailure) -> WorkflowError {
    let title = match failure.kind {
        FailureKind::Configuration => "Configuration Error",
        FailureKind::Validation => "Validation Error",
        FailureKind::Authentication => "Authentication Error",
        FailureKind::Authorization => "Authorization Error",
        FailureKind::Timeout => "Timeout",
        FailureKind::Communication => "Communication Error",
        FailureKind::Runtime => "Runtime Error",
    };
    WorkflowError::standard(failure.kind.name(), failure.status, title, failure.message.clone())
}

/// Publishes an event of a workflow as if it had been received: durable first, then to whoever listens.
struct Emit {
    intake: Intake,
}

#[async_trait]
impl Actuator for Emit {
    fn actions(&self) -> Vec<ActionSpec> {
        vec![ActionSpec::function("emit", "Publishes an event.")]
    }

    async fn execute(&self, call: &ActionCall) -> Result<ActionResult, ActionFailure> {
        let event = event_of(call)?;
        let output = event.to_json();
        match self.intake.accept("workflow", vec![Signal::Event(event)]).await {
            Ok(_) => Ok(ActionResult { output, inverse: None }),
            Err(error) => {
                let message = format!("the event was not taken: {error}");
                Err(ActionFailure::new(FailureKind::Communication, Retry::Temporary, message))
            }
        }
    }

    async fn dry_run(&self, call: &ActionCall) -> Result<String, ActionFailure> {
        event_of(call).map(|e| format!("publish an event {} of {}", e.kind, e.source))
    }
}

/// The event a call describes. The key of the call is its id unless it has one, so that a second call with the
/// same key is the same event.
fn event_of(call: &ActionCall) -> Result<model::Event, ActionFailure> {
    let wrong = |why: &str| ActionFailure::new(FailureKind::Configuration, Retry::Permanent, why);
    let Value::Object(mut map) = call.parameters.clone() else {
        return Err(wrong("emit: the event must be a mapping"));
    };
    let mut text = |name: &str| match map.remove(name) {
        Some(Value::String(text)) => Some(text),
        Some(other) if !other.is_null() => Some(other.to_string()),
        _ => None,
    };
    let id = text("id").unwrap_or_else(|| call.idempotency_key.clone());
    let source = text("source").ok_or_else(|| wrong("emit: the event needs a `source`"))?;
    let kind = text("type").ok_or_else(|| wrong("emit: the event needs a `type`"))?;
    let service = text("service").unwrap_or_default();
    let at = text("time").and_then(|t| model::Timestamp::parse(&t).ok());
    map.remove("specversion");
    let data = map.remove("data").unwrap_or_else(|| json!(null));
    let at = at.unwrap_or(model::Timestamp::ZERO);
    Ok(model::Event { id, source, kind, service, at, data, attributes: map.into_iter().collect() })
}
