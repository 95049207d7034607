//! How callers prove who they are.

use super::{At, Extensions};

/// A way to prove who asks.
#[derive(Clone, Debug, PartialEq)]
pub struct SecurityScheme {
    /// Its key in the document.
    pub name: String,
    /// How.
    pub scheme: Scheme,
    /// Markdown.
    pub description: Option<String>,
    /// Whether it should not be used any more (3.2).
    pub deprecated: bool,
    /// Extensions (`x-…`).
    pub extensions: Extensions,
    /// Where it stands.
    pub at: At,
}

/// How it is proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// A key that is sent like a parameter.
    ApiKey {
        /// The name it is sent with.
        name: String,
        /// Where.
        place: ApiKeyIn,
    },
    /// The header `Authorization`.
    Http {
        /// In small letters: `basic`, `bearer`, `digest`, ….
        scheme: String,
        /// What a bearer token is, for people.
        bearer_format: Option<String>,
    },
    /// OAuth 2.
    OAuth2 {
        /// How tokens are got.
        flows: Vec<Flow>,
        /// Where its metadata is (3.2).
        metadata_url: Option<String>,
    },
    /// OpenID Connect.
    OpenIdConnect {
        /// Where its metadata is.
        url: String,
    },
    /// A client certificate.
    MutualTls,
    /// Something the specification does not know, as the document calls it.
    Other(String),
}

/// Where a key is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiKeyIn {
    /// In the query.
    Query,
    /// In a header.
    Header,
    /// In a cookie.
    Cookie,
}

/// A way to get a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Which.
    pub kind: FlowKind,
    /// Where people agree.
    pub authorization_url: Option<String>,
    /// Where tokens are got.
    pub token_url: Option<String>,
    /// Where tokens are renewed, when not there.
    pub refresh_url: Option<String>,
    /// Where devices ask (3.2).
    pub device_authorization_url: Option<String>,
    /// What can be asked for, and what it means.
    pub scopes: Vec<(String, String)>,
}

/// Ways to get a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlowKind {
    /// `implicit`.
    Implicit,
    /// `password`.
    Password,
    /// `clientCredentials`, `application` in 2.0.
    ClientCredentials,
    /// `authorizationCode`, `accessCode` in 2.0.
    AuthorizationCode,
    /// `deviceAuthorization` (3.2).
    DeviceAuthorization,
}

/// What is needed together; an operation has alternatives of these.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requirement {
    /// Places in [`super::Api::security_schemes`] and the scopes that are needed. Empty: nothing is needed.
    pub schemes: Vec<(usize, Vec<String>)>,
}
