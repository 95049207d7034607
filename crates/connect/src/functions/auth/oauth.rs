//! `oauth2` and `oidc` of a call: what is read from its parameters, and the token request that follows from it.
//!
//! The DSL has no field for a refresh token or an authorization code of one's own. They stand in `subject.token`, or in
//! the secret that `use` names as `refresh_token` and `code` (with `redirect_uri` and `code_verifier`).

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ports::ActionFailure;
use reqwest::Url;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::assertion::{self, Claims};
use crate::functions::fields::{Fields, configuration};

/// How to get tokens.
pub(crate) struct Policy {
    pub(crate) authority: String,
    pub(crate) endpoints: Endpoints,
    grant: Grant,
    client: Client,
    json: bool,
    pub(crate) issuers: Vec<String>,
    scopes: Vec<String>,
    audiences: Vec<String>,
    username: Option<String>,
    password: Option<String>,
    subject: Option<Subject>,
    actor: Option<Subject>,
    refresh_token: Option<String>,
    code: Option<String>,
    redirect_uri: Option<String>,
    code_verifier: Option<String>,
}

/// Where the authority is asked.
pub(crate) enum Endpoints {
    /// At these paths below it.
    Paths { token: String, introspection: String },
    /// Where its OpenID configuration says.
    Discovered,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Grant {
    AuthorizationCode,
    ClientCredentials,
    Password,
    RefreshToken,
    TokenExchange,
}

const GRANTS: [(&str, Grant); 5] = [
    ("authorization_code", Grant::AuthorizationCode),
    ("client_credentials", Grant::ClientCredentials),
    ("password", Grant::Password),
    ("refresh_token", Grant::RefreshToken),
    ("urn:ietf:params:oauth:grant-type:token-exchange", Grant::TokenExchange),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Proof {
    Basic,
    Post,
    SecretJwt,
    KeyJwt,
    None,
}

const PROOFS: [(&str, Proof); 5] = [
    ("client_secret_basic", Proof::Basic),
    ("client_secret_post", Proof::Post),
    ("client_secret_jwt", Proof::SecretJwt),
    ("private_key_jwt", Proof::KeyJwt),
    ("none", Proof::None),
];

struct Client {
    id: Option<String>,
    secret: Option<String>,
    assertion: Option<String>,
    proof: Proof,
}

struct Subject {
    token: String,
    kind: String,
}

const NAMES: [&str; 16] = [
    "authority",
    "endpoints",
    "grant",
    "client",
    "request",
    "issuers",
    "scopes",
    "audiences",
    "username",
    "password",
    "subject",
    "actor",
    "refresh_token",
    "code",
    "redirect_uri",
    "code_verifier",
];

/// A request to the token endpoint.
pub(crate) struct TokenRequest {
    pub(crate) content_type: &'static str,
    pub(crate) body: String,
    /// `Authorization` of the client.
    pub(crate) authorization: Option<String>,
}

/// Reads the properties of `oauth2`, or of `oidc`.
pub(crate) fn read(fields: &Fields<'_>, oidc: bool) -> Result<Policy, ActionFailure> {
    fields.only(&NAMES)?;
    let endpoints = match (fields.object("endpoints")?, oidc) {
        (Some(_), true) => {
            return Err(configuration(format!(
                "{} is only for oauth2; oidc discovers its endpoints",
                fields.place("endpoints")
            )));
        }
        (None, true) => Endpoints::Discovered,
        (given, false) => {
            let path = |name: &str, default: &str| {
                let told = given.as_ref().map(|given| given.text(name)).transpose()?.flatten();
                Ok::<_, ActionFailure>(told.unwrap_or_else(|| default.to_owned()))
            };
            if let Some(given) = &given {
                given.only(&["token", "revocation", "introspection"])?;
            }
            Endpoints::Paths {
                token: path("token", "/oauth2/token")?,
                introspection: path("introspection", "/oauth2/introspect")?,
            }
        }
    };
    let policy = Policy {
        authority: fields.required("authority")?,
        endpoints,
        grant: one_of(fields, "grant", &GRANTS)?.ok_or_else(|| unknown(fields, "grant", &GRANTS))?,
        client: client(fields)?,
        json: encodes_json(fields)?,
        issuers: fields.texts("issuers")?,
        scopes: fields.texts("scopes")?,
        audiences: fields.texts("audiences")?,
        username: fields.text("username")?,
        password: fields.text("password")?,
        subject: subject(fields, "subject")?,
        actor: subject(fields, "actor")?,
        refresh_token: fields.text("refresh_token")?,
        code: fields.text("code")?,
        redirect_uri: fields.text("redirect_uri")?,
        code_verifier: fields.text("code_verifier")?,
    };
    policy.grant_parameters()?;
    Ok(policy)
}

fn client(fields: &Fields<'_>) -> Result<Client, ActionFailure> {
    let Some(given) = fields.object("client")? else {
        return Ok(Client { id: None, secret: None, assertion: None, proof: Proof::None });
    };
    given.only(&["id", "secret", "assertion", "authentication"])?;
    let client = Client {
        id: given.text("id")?,
        secret: given.text("secret")?,
        assertion: given.text("assertion")?,
        proof: one_of(&given, "authentication", &PROOFS)?.unwrap_or(Proof::Post),
    };
    let needs = |name: &str, is_there: bool| {
        if is_there {
            return Ok(());
        }
        let proof = PROOFS.iter().find(|(_, proof)| *proof == client.proof).map_or("", |(name, _)| name);
        Err(configuration(format!("{} is missing; {proof} needs it", given.place(name))))
    };
    match client.proof {
        Proof::None => {}
        Proof::Post => needs("id", client.id.is_some())?,
        Proof::Basic => {
            needs("id", client.id.is_some())?;
            needs("secret", client.secret.is_some())?;
        }
        Proof::SecretJwt => {
            needs("id", client.id.is_some())?;
            needs("secret", client.secret.is_some() || client.assertion.is_some())?;
        }
        Proof::KeyJwt => {
            needs("id", client.id.is_some())?;
            needs("assertion", client.assertion.is_some())?;
        }
    }
    Ok(client)
}

fn encodes_json(fields: &Fields<'_>) -> Result<bool, ActionFailure> {
    let Some(request) = fields.object("request")? else { return Ok(false) };
    request.only(&["encoding"])?;
    let encodings = [("application/x-www-form-urlencoded", false), ("application/json", true)];
    Ok(one_of(&request, "encoding", &encodings)?.unwrap_or(false))
}

fn subject(fields: &Fields<'_>, name: &str) -> Result<Option<Subject>, ActionFailure> {
    let Some(given) = fields.object(name)? else { return Ok(None) };
    given.only(&["token", "type"])?;
    Ok(Some(Subject { token: given.required("token")?, kind: given.required("type")? }))
}

fn one_of<T: Copy>(fields: &Fields<'_>, name: &str, known: &[(&str, T)]) -> Result<Option<T>, ActionFailure> {
    let Some(given) = fields.text(name)? else { return Ok(None) };
    match known.iter().find(|(word, _)| *word == given) {
        Some((_, meaning)) => Ok(Some(*meaning)),
        None => Err(unknown(fields, name, known)),
    }
}

fn unknown<T>(fields: &Fields<'_>, name: &str, known: &[(&str, T)]) -> ActionFailure {
    let words: Vec<_> = known.iter().map(|(word, _)| *word).collect();
    configuration(format!("{} must be one of {}", fields.place(name), words.join(", ")))
}

impl Policy {
    pub(crate) fn is_oidc(&self) -> bool {
        matches!(self.endpoints, Endpoints::Discovered)
    }

    /// What must not appear in answers and messages.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &str> {
        let subjects = [&self.subject, &self.actor].into_iter().flatten().map(|subject| &subject.token);
        let own = [
            &self.client.secret,
            &self.client.assertion,
            &self.password,
            &self.refresh_token,
            &self.code,
            &self.code_verifier,
        ];
        own.into_iter().flatten().chain(subjects).map(String::as_str)
    }

    /// What tokens of this policy are remembered under: everything in it, hashed.
    pub(crate) fn fingerprint(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        let mut add = |text: &str| {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text.as_bytes());
        };
        add(&self.authority);
        if let Endpoints::Paths { token, introspection } = &self.endpoints {
            add(token);
            add(introspection);
        }
        let request = self.parameters(None).unwrap_or_default();
        let client = [&self.client.id, &self.client.secret, &self.client.assertion];
        request.iter().flat_map(|(name, value)| [*name, value.as_str()]).for_each(&mut add);
        client.iter().for_each(|text| add(text.as_deref().unwrap_or("\0")));
        add(&format!(
            "{} {}",
            self.json,
            PROOFS.iter().position(|(_, p)| *p == self.client.proof).unwrap_or(0)
        ));
        self.issuers.iter().for_each(|issuer| add(issuer));
        hash.finalize().into()
    }

    /// The request for a token: of the grant, or with a refresh token that came with the last one.
    pub(crate) fn request(
        &self,
        endpoint: &Url,
        refresh: Option<&str>,
        id: &str,
        now_s: u64,
    ) -> Result<TokenRequest, ActionFailure> {
        self.prove(endpoint, self.parameters(refresh)?, id, now_s)
    }

    /// The request that asks what a token is (RFC 7662).
    pub(crate) fn introspection(
        &self,
        endpoint: &Url,
        token: &str,
        id: &str,
        now_s: u64,
    ) -> Result<TokenRequest, ActionFailure> {
        self.prove(endpoint, vec![("token", token.to_owned())], id, now_s)
    }

    fn prove(
        &self,
        endpoint: &Url,
        mut parameters: Vec<(&'static str, String)>,
        id: &str,
        now_s: u64,
    ) -> Result<TokenRequest, ActionFailure> {
        let client = &self.client;
        let client_id = client.id.as_deref().unwrap_or_default();
        let claims = Claims { client_id, audience: endpoint.as_str(), id, now_s };
        let mut authorization = None;
        let signed = match (client.proof, &client.assertion, &client.secret) {
            (Proof::Basic, _, Some(secret)) => {
                // RFC 6749, 2.3.1: both are form-encoded first.
                let pair = format!("{}:{}", form(client_id), form(secret));
                authorization = Some(format!("Basic {}", STANDARD.encode(pair)));
                None
            }
            (Proof::Post, _, secret) => {
                parameters.push(("client_id", client_id.to_owned()));
                parameters.extend(secret.clone().map(|secret| ("client_secret", secret)));
                None
            }
            (Proof::SecretJwt, None, Some(secret)) => Some(assertion::with_secret(&claims, secret)),
            (Proof::KeyJwt, Some(key), _) if key.contains("-----BEGIN") => {
                Some(assertion::with_key(&claims, key).map_err(configuration)?)
            }
            (Proof::SecretJwt | Proof::KeyJwt, Some(assertion), _) => Some(assertion.clone()),
            _ => {
                parameters.extend(client.id.clone().map(|id| ("client_id", id)));
                None
            }
        };
        if let Some(assertion) = signed {
            let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
            parameters.push(("client_id", client_id.to_owned()));
            parameters.push(("client_assertion_type", kind.to_owned()));
            parameters.push(("client_assertion", assertion));
        }
        let (content_type, body) = if self.json {
            ("application/json", json(&parameters))
        } else {
            let pairs: Vec<_> = parameters.iter().map(|(n, v)| format!("{}={}", form(n), form(v))).collect();
            ("application/x-www-form-urlencoded", pairs.join("&"))
        };
        Ok(TokenRequest { content_type, body, authorization })
    }

    fn parameters(&self, refresh: Option<&str>) -> Result<Vec<(&'static str, String)>, ActionFailure> {
        let mut parameters = match refresh {
            Some(token) => {
                vec![("grant_type", "refresh_token".to_owned()), ("refresh_token", token.to_owned())]
            }
            None => self.grant_parameters()?,
        };
        if !self.scopes.is_empty() {
            parameters.push(("scope", self.scopes.join(" ")));
        }
        parameters.extend(self.audiences.iter().map(|audience| ("audience", audience.clone())));
        Ok(parameters)
    }

    fn grant_parameters(&self) -> Result<Vec<(&'static str, String)>, ActionFailure> {
        let name = GRANTS.iter().find(|(_, grant)| *grant == self.grant).map_or("", |(name, _)| name);
        let needs = |what: &str, value: Option<&String>| {
            let missing = || configuration(format!("the grant {name} needs {what}, which is missing"));
            value.cloned().ok_or_else(missing)
        };
        let subject = self.subject.as_ref().map(|subject| &subject.token);
        let mut parameters = vec![("grant_type", name.to_owned())];
        match self.grant {
            Grant::ClientCredentials => {}
            Grant::Password => {
                parameters.push(("username", needs("username", self.username.as_ref())?));
                parameters.push(("password", needs("password", self.password.as_ref())?));
            }
            Grant::RefreshToken => {
                let token =
                    needs("a refresh token in subject.token", self.refresh_token.as_ref().or(subject))?;
                parameters.push(("refresh_token", token));
            }
            Grant::AuthorizationCode => {
                parameters.push(("code", needs("a code in subject.token", self.code.as_ref().or(subject))?));
                parameters.extend(self.redirect_uri.clone().map(|uri| ("redirect_uri", uri)));
                parameters.extend(self.code_verifier.clone().map(|verifier| ("code_verifier", verifier)));
            }
            Grant::TokenExchange => {
                parameters.push(("subject_token", needs("subject", subject)?));
                parameters.extend(self.subject.iter().map(|s| ("subject_token_type", s.type_uri())));
                if let Some(actor) = &self.actor {
                    parameters.push(("actor_token", actor.token.clone()));
                    parameters.push(("actor_token_type", actor.type_uri()));
                }
            }
        }
        Ok(parameters)
    }
}

impl Subject {
    /// The token's type as RFC 8693 names it; `access_token` is short for its URN.
    fn type_uri(&self) -> String {
        if self.kind.contains(':') {
            return self.kind.clone();
        }
        format!("urn:ietf:params:oauth:token-type:{}", self.kind)
    }
}

/// Text in a form (`application/x-www-form-urlencoded`, as the URL standard writes it).
pub(crate) fn form(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'*') {
            out.push(char::from(byte));
        } else if byte == b' ' {
            out.push('+');
        } else {
            let _infallible = write!(out, "%{byte:02X}");
        }
        out
    })
}

/// An object; what comes more than once is a list.
fn json(parameters: &[(&'static str, String)]) -> String {
    let mut map = Map::new();
    for (name, value) in parameters {
        match map.get_mut(*name) {
            None => drop(map.insert((*name).to_owned(), value.clone().into())),
            Some(Value::Array(values)) => values.push(value.clone().into()),
            Some(first) => *first = vec![first.take(), value.clone().into()].into(),
        }
    }
    Value::Object(map).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn policy(value: Value) -> Result<Policy, ActionFailure> {
        read(&Fields::of(&value, "authentication.oauth2").unwrap(), false)
    }

    fn asked(value: Value, refresh: Option<&str>) -> TokenRequest {
        let endpoint = Url::parse("https://a/token").unwrap();
        policy(value).unwrap().request(&endpoint, refresh, "id", 1_000).unwrap()
    }

    fn base(more: Value) -> Value {
        let mut value = json!({"authority": "https://a", "grant": "client_credentials", "client": {"id": "me", "secret": "s c"}});
        value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        value
    }

    #[test]
    fn each_grant_asks_with_what_it_needs() {
        let exchange = "urn:ietf:params:oauth:grant-type:token-exchange";
        let client = "client_id=me&client_secret=s+c";
        for (more, expect) in [
            (json!({}), format!("grant_type=client_credentials&{client}")),
            (
                json!({"scopes": ["a", "b"], "audiences": ["x", "y"]}),
                format!("grant_type=client_credentials&scope=a+b&audience=x&audience=y&{client}"),
            ),
            (
                json!({"grant": "password", "username": "u", "password": "p&w"}),
                format!("grant_type=password&username=u&password=p%26w&{client}"),
            ),
            (
                json!({"grant": "refresh_token", "subject": {"token": "r", "type": "refresh_token"}}),
                format!("grant_type=refresh_token&refresh_token=r&{client}"),
            ),
            (
                json!({"grant": "authorization_code", "code": "c", "redirect_uri": "http://me/", "code_verifier": "v"}),
                format!(
                    "grant_type=authorization_code&code=c&redirect_uri=http%3A%2F%2Fme%2F&code_verifier=v&{client}"
                ),
            ),
            (
                json!({"grant": exchange, "subject": {"token": "s", "type": "jwt"}, "actor": {"token": "a", "type": "urn:x"}}),
                format!(
                    "grant_type={}&subject_token=s&subject_token_type={}&actor_token=a&actor_token_type=urn%3Ax&{client}",
                    form(exchange),
                    form("urn:ietf:params:oauth:token-type:jwt"),
                ),
            ),
        ] {
            assert_eq!(asked(base(more), None).body, expect);
        }
        assert_eq!(
            asked(base(json!({"scopes": ["a"]})), Some("again")).body,
            format!("grant_type=refresh_token&refresh_token=again&scope=a&{client}")
        );
    }

    #[test]
    fn each_client_proves_itself_its_way() {
        let by = |proof: &str, more: Value| {
            let mut client = json!({"id": "m:e", "secret": "s c", "authentication": proof});
            client.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            asked(base(json!({ "client": client })), None)
        };
        let basic = by("client_secret_basic", json!({}));
        assert_eq!(
            basic.authorization.as_deref(),
            Some(format!("Basic {}", STANDARD.encode("m%3Ae:s+c")).as_str())
        );
        assert_eq!(basic.body, "grant_type=client_credentials");
        assert_eq!(by("none", json!({})).body, "grant_type=client_credentials&client_id=m%3Ae");
        let kind = form("urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
        assert_eq!(
            by("private_key_jwt", json!({"assertion": "a.b.c"})).body,
            format!(
                "grant_type=client_credentials&client_id=m%3Ae&client_assertion_type={kind}&client_assertion=a.b.c"
            )
        );
        let jwt = by("client_secret_jwt", json!({})).body;
        let (_, token) = jwt.split_once("client_assertion=").unwrap();
        assert_eq!(assertion::issuer(token).as_deref(), Some("m:e"));
    }

    #[test]
    fn json_is_sent_when_asked_for() {
        let sent =
            asked(base(json!({"request": {"encoding": "application/json"}, "audiences": ["x", "y"]})), None);
        assert_eq!(sent.content_type, "application/json");
        assert_eq!(
            serde_json::from_str::<Value>(&sent.body).unwrap(),
            json!({"grant_type": "client_credentials", "audience": ["x", "y"], "client_id": "me", "client_secret": "s c"})
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        for (more, part) in [
            (json!({"grant": null}), "oauth2.grant must be one of authorization_code"),
            (json!({"grant": "password"}), "needs username"),
            (json!({"grant": "refresh_token"}), "a refresh token in subject.token"),
            (json!({"grant": "authorization_code"}), "a code in subject.token"),
            (
                json!({"client": {"id": "x", "authentication": "client_secret_basic"}}),
                "client.secret is missing",
            ),
            (
                json!({"client": {"id": "x", "authentication": "private_key_jwt"}}),
                "client.assertion is missing",
            ),
            (json!({"client": {"secret": "x"}}), "client.id is missing; client_secret_post"),
            (json!({"request": {"encoding": "xml"}}), "request.encoding must be one of"),
            (json!({"subject": {"token": "x"}}), "subject.type is missing"),
            (json!({"scopes": [{}]}), "scopes must be a list of texts"),
        ] {
            let Err(error) = policy(base(more.clone())) else { panic!("{more} was taken") };
            assert!(error.message.contains(part), "{more}: {error}");
        }
    }

    #[test]
    fn tokens_of_different_policies_are_kept_apart() {
        let prints: Vec<_> = [
            json!({}),
            json!({"scopes": ["a"]}),
            json!({"client": {"id": "me", "secret": "other"}}),
            json!({"authority": "https://b"}),
            json!({"issuers": ["i"]}),
            json!({"endpoints": {"token": "/t"}}),
            json!({"endpoints": {"introspection": "/t"}}),
        ]
        .into_iter()
        .map(|more| policy(base(more)).unwrap().fingerprint())
        .collect();
        for (i, print) in prints.iter().enumerate() {
            assert!(!prints[..i].contains(print), "{i}");
        }
        assert_eq!(prints[0], policy(base(json!({}))).unwrap().fingerprint());
    }
}
