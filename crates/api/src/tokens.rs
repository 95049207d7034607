//! API tokens.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use engine::command::{Command, Role};
use engine::records::Record;
use model::{AuditEntry, Timestamp, TokenId};
use ports::{Expected, Op, Query as StoreQuery};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::app::App;
use crate::auth::{Caller, Token};
use crate::page::{Body, Page, Path, check_name};
use crate::problem::Problem;

/// A token to make.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
pub struct TokenRequest {
    /// What it is for.
    pub name: String,
    /// What it may do through the API; none for a token that may only send signals.
    pub role: Option<Role>,
    /// Whether it may send signals.
    #[serde(default)]
    pub ingest: bool,
    /// When it ends; none for never.
    pub expires_at: Option<Timestamp>,
}

/// A token just made. The secret is shown here and never again.
#[derive(Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TokenCreated {
    /// The secret: `hs_…`.
    pub secret: String,
    /// The token.
    pub token: Token,
}

/// Lists tokens, without secrets.
#[utoipa::path(get, path = "/tokens", operation_id = "list_tokens", tag = "settings",
    responses((status = 200, body = Page<Token>)), extensions(("x-required-role" = json!("admin"))))]
pub async fn list(State(app): State<App>, caller: Caller) -> Result<Json<Page<Token>>, Problem> {
    caller.require(Role::Admin)?;
    let mut tokens = app.engine.records().all::<Token>(StoreQuery::of(Token::KIND), 10_000).await?;
    for token in &mut tokens {
        token.hash.clear();
    }
    Ok(Json(Page::whole(tokens)))
}

/// Makes a token.
#[utoipa::path(post, path = "/tokens", operation_id = "create_token", tag = "settings", request_body = TokenRequest,
    responses((status = 201, body = TokenCreated)), extensions(("x-required-role" = json!("admin"))))]
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    Body(request): Body<TokenRequest>,
) -> Result<(StatusCode, Json<TokenCreated>), Problem> {
    let asker = caller.require(Role::Admin)?;
    let name = request.name.trim();
    check_name("/name", name, 100)?;
    if request.role.is_none() && !request.ingest {
        return Err(Problem::invalid("/role", "give it a role, or ingest, or both"));
    }
    let now = app.engine.now();
    if request.expires_at.is_some_and(|at| at <= now) {
        return Err(Problem::invalid("/expires_at", "must be in the future"));
    }
    let grant = (request.role, request.ingest);
    let (mut token, secret) =
        app.auth.create_token(name, grant, asker.name(), request.expires_at, now).await?;
    token.hash.clear();
    let entry = AuditEntry {
        at: now,
        actor: asker.actor.clone(),
        action: "token.created".into(),
        subject: token.id.to_string(),
        details: json!({"name": name, "role": request.role, "ingest": request.ingest}),
        correlation_id: None,
    };
    app.engine.ask(asker, Command::Audit(entry)).await?;
    Ok((StatusCode::CREATED, Json(TokenCreated { secret, token })))
}

/// Revokes a token.
#[utoipa::path(delete, path = "/tokens/{id}", operation_id = "delete_token", tag = "settings",
    params(("id" = String, Path)), responses((status = 204)), extensions(("x-required-role" = json!("admin"))))]
pub async fn delete(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let asker = caller.require(Role::Admin)?;
    TokenId::parse(&id).map_err(|detail| Problem::invalid("id", detail))?;
    let token =
        app.engine.records().get::<Token>(&id).await?.ok_or_else(|| Problem::not_found("token", &id))?;
    let op = Op::Delete { kind: Token::KIND, id: id.clone(), expected: Expected::Any };
    app.engine.records().store().commit(vec![op]).await?;
    let entry = AuditEntry {
        at: app.engine.now(),
        actor: asker.actor.clone(),
        action: "token.deleted".into(),
        subject: id,
        details: json!({"name": token.name}),
        correlation_id: None,
    };
    app.engine.ask(asker, Command::Audit(entry)).await?;
    Ok(StatusCode::NO_CONTENT)
}
