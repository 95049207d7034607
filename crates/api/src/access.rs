//! Who may do what, decided before anything of a request's body is read.
//!
//! The table is the contract itself: `x-required-role` of the OpenAPI document. Handlers ask again, because they
//! need to know who asks; what a request contains is never told to someone who may not send it.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use engine::command::Role;
use model::Actor;
use utoipa::openapi::OpenApi;

use crate::app::App;
use crate::auth::Caller;
use crate::problem::{Code, Problem};

/// What an operation asks of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needs {
    Nothing,
    /// A signed-in person; a token does not do.
    Session,
    /// The right to send signals.
    Ingest,
    Role(Role),
}

/// Every operation with what it needs.
#[derive(Clone, Default)]
pub(crate) struct Table {
    needs: Arc<HashMap<(Method, String), Needs>>,
}

impl Table {
    /// Reads the contract. `base` is the path it is served under.
    ///
    /// # Panics
    /// An operation does not say who may call it.
    pub(crate) fn of(document: &OpenApi, base: &str) -> Self {
        let mut needs = HashMap::new();
        for (path, item) in &document.paths.paths {
            let operations = [
                (Method::GET, &item.get),
                (Method::PUT, &item.put),
                (Method::POST, &item.post),
                (Method::DELETE, &item.delete),
                (Method::PATCH, &item.patch),
            ];
            for (method, operation) in operations {
                let Some(operation) = operation else { continue };
                let role = operation.extensions.as_ref().and_then(|e| e.get("x-required-role"));
                let role = role.expect("every operation says who may call it; the tests check it");
                let needed = match role.as_str() {
                    Some("none") => Needs::Nothing,
                    Some("session") => Needs::Session,
                    Some("ingest") => Needs::Ingest,
                    _ => {
                        Needs::Role(serde_json::from_value(role.clone()).expect("a role; the tests check it"))
                    }
                };
                needs.insert((method, format!("{base}{path}")), needed);
            }
        }
        Self { needs: Arc::new(needs) }
    }

    fn needs(&self, request: &Request) -> Option<Needs> {
        let path = request.extensions().get::<MatchedPath>()?.as_str().to_owned();
        let method = if request.method() == Method::HEAD { Method::GET } else { request.method().clone() };
        self.needs.get(&(method, path)).copied()
    }
}

/// Lets a request pass that its caller may make; handlers find the caller in its extensions.
pub(crate) async fn check(
    State((app, table)): State<(App, Table)>,
    mut request: Request,
    next: Next,
) -> Response {
    let needs = match table.needs(&request) {
        // What is no operation leads to a 404 or 405, which tells nothing.
        None | Some(Needs::Nothing) => return next.run(request).await,
        Some(needs) => needs,
    };
    let safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let caller = match Caller::identify(&app, request.headers(), safe).await {
        Ok(caller) => caller,
        Err(problem) => return problem.into_response(),
    };
    let allowed = match needs {
        Needs::Nothing => Ok(()),
        Needs::Session if matches!(caller.actor, Actor::User(_)) => Ok(()),
        Needs::Session => {
            Err(Problem::new(Code::Unauthenticated, "a token has no session; this is for signed-in people"))
        }
        Needs::Ingest => caller.require_ingest(),
        Needs::Role(role) => caller.require(role).map(drop),
    };
    if let Err(problem) = allowed {
        return problem.into_response();
    }
    request.extensions_mut().insert(caller);
    next.run(request).await
}
