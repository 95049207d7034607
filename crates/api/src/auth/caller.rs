//! The one who asks, out of a request: a bearer token or a session cookie with its CSRF token.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use engine::command::{Asker, Role};
use model::Actor;

use crate::app::App;
use crate::problem::{Code, Problem};

/// Name of the session cookie.
pub const COOKIE: &str = "homeostat_session";
/// Name of the header that proves that a mutation comes from the dashboard.
pub const CSRF_HEADER: &str = "x-csrf-token";

/// Someone who proved who they are.
#[derive(Clone, Debug)]
pub struct Caller {
    /// For the audit log.
    pub actor: Actor,
    /// What they may do through the API.
    pub role: Option<Role>,
    /// Whether they may send signals.
    pub ingest: bool,
}

impl Caller {
    /// Who asks, if they have at least this role.
    ///
    /// # Errors
    /// `forbidden`.
    pub fn require(&self, needs: Role) -> Result<Asker, Problem> {
        match self.role {
            Some(role) if role >= needs => Ok(Asker { actor: self.actor.clone(), role }),
            _ => Err(Problem::new(
                Code::Forbidden,
                format!("this needs the role {}; ask an admin", engine::records::name_of(&needs)),
            )),
        }
    }

    /// Whether signals may be sent.
    ///
    /// # Errors
    /// `forbidden`.
    pub fn require_ingest(&self) -> Result<(), Problem> {
        if self.ingest || self.role >= Some(Role::Operator) {
            return Ok(());
        }
        Err(Problem::new(Code::Forbidden, "this needs a token that may send signals, or the role operator"))
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        if let Some(known) = parts.extensions.get::<Self>() {
            return Ok(known.clone());
        }
        let safe = matches!(parts.method, Method::GET | Method::HEAD | Method::OPTIONS);
        Self::identify(app, &parts.headers, safe).await
    }
}

impl Caller {
    /// Who sent these headers. `safe`: the request changes nothing, so that a session needs no CSRF token.
    ///
    /// # Errors
    /// `unauthenticated`, `csrf_failed`; the store failed.
    pub async fn identify(app: &App, headers: &HeaderMap, safe: bool) -> Result<Self, Problem> {
        let now = app.engine.now();
        if let Some(secret) = bearer(headers) {
            let token = app.auth.token(secret, now).await?.ok_or_else(|| {
                Problem::new(
                    Code::Unauthenticated,
                    "the token is unknown or has expired; make a new one in Settings",
                )
            })?;
            return Ok(Self { actor: Actor::Token(token.name), role: token.role, ingest: token.ingest });
        }
        let Some(cookie) = cookie(headers) else {
            return Err(Problem::new(
                Code::Unauthenticated,
                "send a session cookie or `Authorization: Bearer hs_…`",
            ));
        };
        let (session, user) = app
            .auth
            .session(cookie, now)
            .await?
            .ok_or_else(|| Problem::new(Code::Unauthenticated, "the session has ended; sign in again"))?;
        let csrf = headers.get(CSRF_HEADER).and_then(|v| v.to_str().ok());
        if !safe && csrf != Some(session.csrf_token.as_str()) {
            return Err(Problem::new(
                Code::CsrfFailed,
                "send the session's csrf_token in the header X-CSRF-Token",
            ));
        }
        Ok(Self { actor: Actor::User(user.name), role: Some(user.role), ingest: false })
    }
}

/// The session cookie of a request.
#[must_use]
pub fn cookie(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, secret) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| secret.trim())
}
