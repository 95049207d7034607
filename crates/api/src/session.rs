//! Sign-in and sign-out.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Response};
use engine::command::{Asker, Command, Role};
use model::{Actor, AuditEntry};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::app::App;
use crate::auth::{Caller, Refused, SignedIn, caller};
use crate::page::Body;
use crate::problem::{Code, Problem};

/// Name and password, or a ticket. Cannot be printed: it holds secrets.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(untagged, try_from = "SignInFields")]
pub enum SignIn {
    /// By name and password.
    Password {
        /// Sign-in name.
        username: String,
        /// Password.
        password: String,
    },
    /// By a one-time ticket, as the demo prints it.
    Ticket {
        /// The ticket.
        ticket: String,
    },
}

#[derive(Deserialize)]
struct SignInFields {
    username: Option<String>,
    password: Option<String>,
    ticket: Option<String>,
}

impl TryFrom<SignInFields> for SignIn {
    type Error = &'static str;

    fn try_from(fields: SignInFields) -> Result<Self, Self::Error> {
        match fields {
            SignInFields { username: Some(username), password: Some(password), ticket: None } => {
                Ok(Self::Password { username, password })
            }
            SignInFields { username: None, password: None, ticket: Some(ticket) } => {
                Ok(Self::Ticket { ticket })
            }
            SignInFields { username: Some(_), password: None, ticket: None } => {
                Err("the password is missing")
            }
            SignInFields { username: None, password: Some(_), ticket: None } => {
                Err("the username is missing")
            }
            _ => Err("send either username and password, or a ticket"),
        }
    }
}

/// Who is signed in.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct SessionView {
    /// The user.
    pub user: SessionUser,
    /// Ids of the operations that the user may call, sorted.
    pub permissions: Vec<String>,
    /// Send it in `X-CSRF-Token` with every mutation.
    pub csrf_token: String,
}

impl SessionView {
    fn of(name: String, role: Role, csrf_token: String) -> Self {
        let permissions = crate::access::permissions(role);
        Self { user: SessionUser { name, role }, permissions, csrf_token }
    }
}

/// A user, as shown.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct SessionUser {
    /// Sign-in name.
    pub name: String,
    /// What they may do.
    pub role: Role,
}

/// Signs in.
#[utoipa::path(post, path = "/session", operation_id = "create_session", tag = "session", request_body = SignIn,
    responses((status = 200, body = SessionView)), extensions(("x-required-role" = json!("none"))))]
pub async fn create(State(app): State<App>, Body(sign_in): Body<SignIn>) -> Result<Response, Problem> {
    let now = app.engine.now();
    let (with, result) = match sign_in {
        SignIn::Password { username, password } => {
            ("password", app.auth.sign_in(&username, &password, now).await?)
        }
        SignIn::Ticket { ticket } => ("ticket", app.auth.redeem(&ticket, now).await?),
    };
    match &result {
        Ok(signed_in) => {
            let name = &signed_in.user.name;
            note(&app, Actor::User(name.clone()), "session.created", name, with).await?;
        }
        // Only names of accounts are written down: people type passwords into the wrong field.
        Err(Refused::Wrong(name)) => {
            let name = name.as_deref().unwrap_or("unknown");
            note(&app, Actor::Anonymous, "session.refused", name, with).await?;
        }
        // The failures that led here are in the log; one line for each further try would fill it.
        Err(Refused::Throttled(_) | Refused::Busy) => {}
    }
    match result {
        Ok(signed_in) => Ok(with_cookie(signed_in)),
        Err(Refused::Wrong(_)) => {
            Err(Problem::new(Code::Unauthenticated, "name and password (or ticket) do not fit"))
        }
        Err(Refused::Busy) => {
            Err(Problem::new(Code::Overloaded, "too many people sign in at this moment; try again")
                .retry_after(1))
        }
        Err(Refused::Throttled(seconds)) => Err(Problem::new(
            Code::TooManyAttempts,
            format!("too many failed attempts for this name; try again in {seconds} s"),
        )
        .retry_after(seconds)),
    }
}

/// Tells who is signed in.
#[utoipa::path(get, path = "/session", operation_id = "get_session", tag = "session",
    responses((status = 200, body = SessionView)), extensions(("x-required-role" = json!("session"))))]
pub async fn get(State(app): State<App>, headers: HeaderMap) -> Result<Json<SessionView>, Problem> {
    let ended = || Problem::new(Code::Unauthenticated, "there is no session; sign in");
    let cookie = caller::cookie(&headers).ok_or_else(ended)?;
    let (session, user) = app.auth.session(cookie, app.engine.now()).await?.ok_or_else(ended)?;
    Ok(Json(SessionView::of(user.name, user.role, session.csrf_token)))
}

/// Signs out.
#[utoipa::path(delete, path = "/session", operation_id = "delete_session", tag = "session",
    responses((status = 204)), extensions(("x-required-role" = json!("session"))))]
pub async fn delete(State(app): State<App>, caller: Caller, headers: HeaderMap) -> Result<Response, Problem> {
    let (Actor::User(name), Some(cookie)) = (&caller.actor, caller::cookie(&headers)) else {
        let detail = "a token has no session to end; revoke it with DELETE /api/v1/tokens/{id}";
        return Err(Problem::new(Code::Unauthenticated, detail));
    };
    app.auth.sign_out(cookie).await?;
    note(&app, caller.actor.clone(), "session.deleted", name, "session").await?;
    let gone = format!("{}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0", caller::COOKIE);
    Ok((StatusCode::NO_CONTENT, AppendHeaders([(header::SET_COOKIE, gone)])).into_response())
}

async fn note(app: &App, actor: Actor, action: &str, subject: &str, with: &str) -> Result<(), Problem> {
    let entry = AuditEntry {
        at: app.engine.now(),
        actor,
        action: action.to_owned(),
        subject: subject.to_owned(),
        details: json!({"with": with}),
        correlation_id: None,
    };
    app.engine.ask(Asker::system(), Command::Audit(entry)).await?;
    Ok(())
}

fn with_cookie(signed_in: SignedIn) -> Response {
    let cookie =
        format!("{}={}; Path=/; HttpOnly; SameSite=Strict; Max-Age=43200", caller::COOKIE, signed_in.cookie);
    let view = SessionView::of(signed_in.user.name, signed_in.user.role, signed_in.csrf_token);
    let mut response = Json(view).into_response();
    if let Ok(value) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(header::SET_COOKIE, value);
    }
    response
}
