//! Who may do what, decided before anything of a request's body is read.
//!
//! The table is the contract itself: `x-required-role` of the OpenAPI document. Handlers ask again, because they
//! need to know who asks; what a request contains is never told to someone who may not send it.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use engine::command::Role;
use model::Actor;
use utoipa::openapi::OpenApi;
use utoipa::openapi::path::Operation;

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
        let needs = operations(document)
            .map(|(method, path, operation)| ((method, format!("{base}{path}")), needs_of(operation)));
        Self { needs: Arc::new(needs.collect()) }
    }

    fn needs(&self, request: &Request) -> Option<Needs> {
        let path = request.extensions().get::<MatchedPath>()?.as_str().to_owned();
        let method = if request.method() == Method::HEAD { Method::GET } else { request.method().clone() };
        self.needs.get(&(method, path)).copied()
    }
}

fn operations(document: &OpenApi) -> impl Iterator<Item = (Method, &str, &Operation)> {
    document.paths.paths.iter().flat_map(|(path, item)| {
        let all = [
            (Method::GET, &item.get),
            (Method::PUT, &item.put),
            (Method::POST, &item.post),
            (Method::DELETE, &item.delete),
            (Method::PATCH, &item.patch),
        ];
        all.into_iter().filter_map(|(method, operation)| Some((method, path.as_str(), operation.as_ref()?)))
    })
}

fn needs_of(operation: &Operation) -> Needs {
    let role = operation.extensions.as_ref().and_then(|e| e.get("x-required-role"));
    let role = role.expect("every operation says who may call it; the tests check it");
    match role.as_str() {
        Some("none") => Needs::Nothing,
        Some("session") => Needs::Session,
        Some("ingest") => Needs::Ingest,
        _ => Needs::Role(serde_json::from_value(role.clone()).expect("a role; the tests check it")),
    }
}

/// Ids of the operations that a signed-in person of this role may call, sorted: a page offers no others.
pub(crate) fn permissions(role: Role) -> Vec<String> {
    static ALL: LazyLock<Vec<(String, Needs)>> = LazyLock::new(|| {
        let document = crate::router::openapi();
        let named =
            operations(&document).filter_map(|(_, _, o)| Some((o.operation_id.clone()?, needs_of(o))));
        let mut all: Vec<_> = named.collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    });
    let may = |needs: Needs| match needs {
        Needs::Nothing | Needs::Session => true,
        Needs::Ingest => role >= Role::Operator,
        Needs::Role(needed) => role >= needed,
    };
    ALL.iter().filter(|(_, needs)| may(*needs)).map(|(id, _)| id.clone()).collect()
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
