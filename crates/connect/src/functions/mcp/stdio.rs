//! MCP over standard input and output (revision 2025-06-18, "Transports"): the server is a program under the policy for
//! programs; every message is one line.

use async_trait::async_trait;
use ports::ActionFailure;
use serde_json::Value;

use super::Wire;
use crate::functions::rpc::{Problem, Said, said};
use crate::functions::run::{RunFunctions, Session};

/// A server that runs for this call.
struct Lines {
    session: Session,
}

/// Starts the server.
pub(super) async fn open(
    programs: &RunFunctions,
    stdio: super::Stdio,
    key: &str,
    most: usize,
) -> Result<impl Wire + 'static, ActionFailure> {
    let super::Stdio { command, arguments, environment } = stdio;
    let session = programs.serve(key, command, arguments, environment, most).await?;
    Ok(Lines { session })
}

fn broken(reason: &str) -> ActionFailure {
    crate::functions::broken("the MCP server on standard output", reason)
}

#[async_trait]
impl Wire for Lines {
    async fn ask(&mut self, id: u64, message: &Value) -> Result<Result<Value, Problem>, ActionFailure> {
        self.tell(message).await?;
        loop {
            let line = match self.session.receive().await {
                Ok(Some(line)) => line,
                Ok(None) => {
                    return Err(broken(&format!(
                        "it ended before the answer{}",
                        self.session.last_words().await
                    )));
                }
                Err(reason) => return Err(broken(&reason)),
            };
            if line.trim().is_empty() {
                continue;
            }
            let message = serde_json::from_str(&line).map_err(|_| broken("a line is no JSON"))?;
            match said(message, id).map_err(|reason| broken(&reason))? {
                Said::Answer(answer) => return Ok(answer),
                Said::Asked(reply) => self.tell(&reply).await?,
                Said::Other => {}
            }
        }
    }

    async fn tell(&mut self, message: &Value) -> Result<(), ActionFailure> {
        let sent = self.session.send(&message.to_string()).await;
        match sent {
            Ok(()) => Ok(()),
            Err(_) => {
                Err(broken(&format!("it does not read what is sent{}", self.session.last_words().await)))
            }
        }
    }

    fn agreed(&mut self, _: &str) {}

    async fn close(mut self: Box<Self>) {
        self.session.end().await;
    }
}
