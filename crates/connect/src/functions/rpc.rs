//! JSON-RPC 2.0 (<https://www.jsonrpc.org/specification>) as MCP and A2A put it on the wire: one message in a body, or
//! many in a stream of server-sent events.

mod events;

use ports::{ActionFailure, FailureKind, Retry};
use serde_json::{Value, json};

use super::failure;

pub(super) use events::Events;

/// A method that does not exist, as JSON-RPC says it.
const NO_SUCH_METHOD: i64 = -32601;

/// A request.
pub(super) fn request(id: u64, method: &str, parameters: Option<&Value>) -> Value {
    let mut message = json!({"jsonrpc": "2.0", "id": id, "method": method});
    if let Some(parameters) = parameters {
        message["params"] = parameters.clone();
    }
    message
}

/// A request that wants no answer.
pub(super) fn notice(method: &str) -> Value {
    json!({"jsonrpc": "2.0", "method": method})
}

/// What a peer said.
#[derive(Debug, PartialEq)]
pub(super) enum Said {
    /// The answer to our request.
    Answer(Result<Value, Problem>),
    /// A request of its own; what to answer.
    Asked(Value),
    /// Something that wants no answer, or answers somebody else.
    Other,
}

/// An error of the peer.
#[derive(Debug, PartialEq)]
pub(super) struct Problem {
    code: i64,
    message: String,
}

/// What a message says to whoever waits for the answer `id`.
///
/// # Errors
/// It is no message of JSON-RPC.
pub(super) fn said(message: Value, id: u64) -> Result<Said, String> {
    let Value::Object(mut fields) = message else {
        return Err("the answer is no JSON-RPC message".to_owned());
    };
    if let Some(method) = fields.get("method").and_then(Value::as_str) {
        return Ok(match fields.get("id") {
            Some(asked) if method == "ping" => {
                Said::Asked(json!({"jsonrpc": "2.0", "id": asked, "result": {}}))
            }
            Some(asked) => {
                let error = json!({"code": NO_SUCH_METHOD, "message": "Homeostat answers only ping"});
                Said::Asked(json!({"jsonrpc": "2.0", "id": asked, "error": error}))
            }
            None => Said::Other,
        });
    }
    let error = fields.remove("error").filter(|error| !error.is_null());
    // An error about a request that could not be read has no id.
    let ours = fields.get("id").and_then(Value::as_u64) == Some(id);
    let unread = error.is_some() && fields.get("id").is_none_or(Value::is_null);
    if !ours && !unread {
        return Ok(Said::Other);
    }
    if let Some(error) = error {
        let message = error["message"].as_str().unwrap_or("no message");
        let plain: String = message.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let message = receive::limits::cut(&plain, 1_000).into_owned();
        return Ok(Said::Answer(Err(Problem { code: error["code"].as_i64().unwrap_or_default(), message })));
    }
    let result = fields.remove("result");
    result
        .map(|result| Said::Answer(Ok(result)))
        .ok_or_else(|| "the answer has neither result nor error".to_owned())
}

impl Problem {
    /// The failure that it stands for: of the kind `runtime`, as the DSL asks for.
    pub(super) fn failure(&self, what: &str) -> ActionFailure {
        let text = format!("{what} failed with code {}: {}", self.code, self.message);
        failure(FailureKind::Runtime, Retry::Permanent, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_requests_and_noise_are_told_apart() {
        let answer = |json: Value| said(json, 7).unwrap();
        assert_eq!(answer(json!({"jsonrpc": "2.0", "id": 7, "result": null})), Said::Answer(Ok(Value::Null)));
        for other in [
            json!({"jsonrpc": "2.0", "id": 8, "result": 1}),
            json!({"jsonrpc": "2.0", "id": "7", "result": 1}),
            json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {}}),
        ] {
            assert_eq!(answer(other), Said::Other);
        }
        let asked = answer(json!({"jsonrpc": "2.0", "id": "x", "method": "sampling/createMessage"}));
        assert!(
            matches!(asked, Said::Asked(reply) if reply["id"] == "x" && reply["error"]["code"] == -32601)
        );
        let pinged = answer(json!({"jsonrpc": "2.0", "id": 3, "method": "ping"}));
        assert!(matches!(pinged, Said::Asked(reply) if reply["result"] == json!({})));
        let refused =
            answer(json!({"jsonrpc": "2.0", "id": null, "error": {"code": -32700, "message": "a\nb"}}));
        assert_eq!(refused, Said::Answer(Err(Problem { code: -32700, message: "a b".to_owned() })));
        for wrong in [json!([]), json!("x"), json!({"id": 7})] {
            assert!(said(wrong, 7).is_err());
        }
    }
}
