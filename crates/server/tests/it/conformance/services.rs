//! The services that the official examples speak to, on one local address: the host is the first segment of the path.

use std::sync::{Arc, Mutex};

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// Hosts of the examples.
pub(super) const HOSTS: [&str; 13] = [
    "petstore.swagger.io",
    "keycloak",
    "swapi.dev",
    "fake.com",
    "myorg.io",
    "superbet-casinos.com",
    "fake-hospital.com",
    "fake-chat-api.com",
    "virtual-wf-powered-race.com",
    "example.com",
    "hospital.example.com",
    "raw.githubusercontent.com",
    "mocked.service.com",
];

#[derive(Clone)]
struct Shared {
    url: String,
    /// Method and path of every request.
    asked: Arc<Mutex<Vec<String>>>,
}

pub(super) struct Services {
    pub(super) url: String,
    asked: Arc<Mutex<Vec<String>>>,
    _runtime: tokio::runtime::Runtime,
}

impl Services {
    pub(super) fn start() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let shared = Shared { url: url.clone(), asked: Arc::clone(&asked) };
        let router = axum::Router::new().fallback(answer).with_state(shared);
        runtime.spawn(serve::serve(listener, router, serve::Limits::default(), std::future::pending()));
        Self { url, asked, _runtime: runtime }
    }

    /// Whether somebody asked for this: method and path.
    pub(super) fn was_asked(&self, what: &str) -> bool {
        self.asked.lock().unwrap().iter().any(|asked| asked == what)
    }
}

async fn answer(State(shared): State<Shared>, request: Request) -> Response {
    let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
    shared.asked.lock().unwrap().push(format!("{method} {path}"));
    let authority = format!("{}/keycloak/realms/fake-authority", shared.url);
    let person = json!({"name": "Luke", "homeworld": format!("{}/swapi.dev/api/planets/1", shared.url)});
    let pet = json!({"id": 1, "name": "Milou", "status": "available"});
    let body = match path.trim_start_matches('/') {
        "petstore.swagger.io/v2/swagger.json" => petstore(&shared.url),
        "petstore.swagger.io/v2/pet/findByStatus" => json!([pet]),
        p if p.starts_with("petstore.swagger.io/v2/pet/") => pet,
        p if p.ends_with("/.well-known/openid-configuration") => {
            json!({"issuer": authority, "token_endpoint": format!("{authority}/oauth2/token")})
        }
        p if p.starts_with("keycloak/") && p.ends_with("token") => {
            json!({"access_token": "t", "token_type": "Bearer", "expires_in": 300})
        }
        "fake.com/docs/asyncapi.json" => messages(&shared.url),
        "fake.com/notifications" => {
            let said = "data: {\"from\": {}, \"said\": \"hello\"}\n\n".repeat(3);
            return ([("content-type", "text/event-stream")], said).into_response();
        }
        "fake.com/pets" => json!({"ok": true}),
        "swapi.dev/api/people/" => json!({"count": 1, "results": [person]}),
        "swapi.dev/api/people/1" => person,
        "swapi.dev/api/planets/1" => json!({"name": "Tatooine"}),
        p if p.starts_with("raw.githubusercontent.com/") => {
            let function = "input: {schema: {document: {type: object, required: [message]}}}\n\
                            call: notify\nwith: {message: '${ .message }'}\n";
            return function.into_response();
        }
        p if p.contains("/api/") || p.contains("/room/") || p.ends_with("/sample") => json!({"ok": true}),
        _ => return (StatusCode::NOT_FOUND, Json(json!({"there is no": path}))).into_response(),
    };
    Json(body).into_response()
}

/// An AsyncAPI 2 document with the operations and the channel that the examples name, over HTTP.
fn messages(url: &str) -> Value {
    json!({
        "asyncapi": "2.6.0", "info": {"title": "Chat", "version": "1.0.0"},
        "servers": {"staging": {"url": format!("{url}/fake.com"), "protocol": "http"}},
        "channels": {
            "/notifications": {"subscribe": {"operationId": "getNotifications"}},
            "/pets": {"publish": {"operationId": "findPetsByStatus"}},
        },
    })
}

/// As much of the pet store's OpenAPI 2.0 document as the examples use.
fn petstore(url: &str) -> Value {
    let host = url.trim_start_matches("http://");
    json!({
        "swagger": "2.0", "info": {"title": "Petstore", "version": "1.0.0"}, "schemes": ["http"],
        "host": host, "basePath": "/petstore.swagger.io/v2",
        "paths": {"/pet/findByStatus": {"get": {
            "operationId": "findPetsByStatus", "produces": ["application/json"],
            "parameters": [{
                "name": "status", "in": "query", "required": true, "type": "array",
                "items": {"type": "string"}, "collectionFormat": "multi",
            }],
            "responses": {"200": {"description": "pets"}},
        }}},
    })
}
