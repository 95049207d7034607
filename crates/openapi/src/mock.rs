//! A server that is not there: requests in, answers out, as the document describes them. Pure: the caller listens and
//! sends. Answers are the document's examples or made from its schemas, the same every time.
//!
//! A request is held against the document first. What is wrong with it is answered with a problem (RFC 9457): 404 and 405
//! where no operation is, 401 without what proves who asks, 406 and 415 for media types, 400 for the rest.

mod answer;
mod incoming;
mod route;

use std::sync::Arc;

use serde_json::{Value, json};

use crate::api::{Api, Operation};

/// A request, as it came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MockRequest {
    /// `GET`, however it is written.
    pub method: String,
    /// Path and query, as in the first line of a request: `/v1/pets?limit=5`.
    pub target: String,
    /// Headers, however their names are written.
    pub headers: Vec<(String, String)>,
    /// What was sent.
    pub body: Vec<u8>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MockAnswer {
    /// Its status.
    pub status: u16,
    /// Its headers, `content-type` among them when there is a body.
    pub headers: Vec<(String, String)>,
    /// What comes back.
    pub body: Vec<u8>,
    /// The operation that was called: its place in [`Api::operations`].
    pub operation: Option<usize>,
    /// What was wrong with the request; empty when it was right.
    pub faults: Vec<Fault>,
}

/// What is wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where: `path`, `query`, `header`, `cookie`, `body`, `security`.
    pub place: &'static str,
    /// The parameter, or the JSON pointer into the body.
    pub name: String,
    /// What is wrong.
    pub message: String,
}

/// Answers for an API.
#[derive(Clone, Debug)]
pub struct Mock {
    api: Arc<Api>,
    routes: route::Routes,
}

impl Mock {
    /// A server for an API.
    #[must_use]
    pub fn new(api: Arc<Api>) -> Self {
        Self { routes: route::Routes::new(&api), api }
    }

    /// What it answers for.
    #[must_use]
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// Answers a request. `Prefer: code=404` asks for another answer that the document describes, `Prefer: example=name`
    /// for one of its examples (both after Prism).
    #[must_use]
    pub fn answer(&self, request: &MockRequest) -> MockAnswer {
        let (path, query) = request
            .target
            .split_once('?')
            .map_or((request.target.as_str(), ""), |(path, query)| (path, query));
        let method = request.method.to_ascii_lowercase();
        let candidates = self.routes.find(&self.api, &method, path, query);
        let several = candidates.len() > 1;
        let right =
            candidates.iter().find(|found| several && self.incoming(request, query, found).fits_path());
        let Some(found) = right.or(candidates.first()) else {
            let methods = self.routes.methods(&self.api, path);
            if methods.is_empty() {
                return problem(404, "No operation has this path.", Vec::new());
            }
            let mut answer = problem(405, "The path has no operation with this method.", Vec::new());
            answer.headers.push(("allow".to_owned(), methods.join(", ").to_ascii_uppercase()));
            return answer;
        };
        let operation = &self.api.operations[found.operation];
        let mut answer = match self.incoming(request, query, found).refusal() {
            Some((status, title, faults)) => problem(status, title, faults),
            None => answer::answer(&self.api, operation, request),
        };
        answer.operation = Some(found.operation);
        answer
    }

    fn incoming<'a>(
        &'a self,
        request: &'a MockRequest,
        query: &'a str,
        found: &'a route::Found,
    ) -> incoming::Incoming<'a> {
        let operation = &self.api.operations[found.operation];
        incoming::Incoming::new(&self.api, operation, request, query, &found.values)
    }
}

/// What is wrong with a request, without answering it: parameters, body and credentials are held against the operation.
/// `values` are the values of the path by name, decoded.
#[must_use]
pub fn check_request(
    api: &Api,
    operation: &Operation,
    request: &MockRequest,
    values: &[(String, String)],
) -> Vec<Fault> {
    let query = request.target.split_once('?').map_or("", |(_, query)| query);
    let incoming = incoming::Incoming::new(api, operation, request, query, values);
    incoming.refusal().map(|(_, _, faults)| faults).unwrap_or_default()
}

fn problem(status: u16, title: &str, faults: Vec<Fault>) -> MockAnswer {
    let errors: Vec<Value> = faults
        .iter()
        .map(|fault| json!({"in": fault.place, "name": fault.name, "detail": fault.message}))
        .collect();
    let mut body = json!({"type": "about:blank", "title": title, "status": status});
    if !errors.is_empty() {
        body["errors"] = errors.into();
    }
    MockAnswer {
        status,
        headers: vec![("content-type".to_owned(), "application/problem+json".to_owned())],
        body: body.to_string().into_bytes(),
        operation: None,
        faults,
    }
}
