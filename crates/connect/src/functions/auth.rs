//! How a call proves who asks: the authentication of a Serverless Workflow call, read from its evaluated parameters.
//!
//! Nothing here can be printed: every type holds what must not be seen.

pub(crate) mod assertion;
pub(crate) mod digest;
pub(crate) mod oauth;
pub(crate) mod tokens;

use model::secret::Revealed;
use ports::ActionFailure;
use reqwest::header::HeaderValue;
use serde_json::Value;

use super::fields::{Fields, configuration};

/// A way to prove who asks.
pub(crate) enum Authentication {
    /// RFC 7617.
    Basic(Login),
    /// RFC 6750, with a token that is known.
    Bearer(String),
    /// RFC 7616.
    Digest(Login),
    /// A certificate of ours in the TLS handshake.
    Certificate(Identity),
    /// RFC 6749 and its relatives: a token is fetched first.
    Token(Box<oauth::Policy>),
}

/// A user name and its password.
pub(crate) struct Login {
    pub(crate) username: String,
    pub(crate) password: String,
}

/// A certificate, its key, and the authority that the peer's certificate comes from when the machine does not know it.
/// All PEM.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Identity {
    pub(crate) certificate: String,
    pub(crate) key: String,
    pub(crate) authority: Option<String>,
}

const SCHEMES: [&str; 6] = ["basic", "bearer", "certificate", "digest", "oauth2", "oidc"];

/// Reads an `authentication`: one scheme, its properties written out or in a secret (`use`).
pub(crate) fn read(value: &Value) -> Result<Authentication, ActionFailure> {
    let fields = Fields::of(value, "authentication")?;
    if fields.value("use").is_some() {
        return Err(configuration(
            "authentication.use names no authentication of `use.authentications`; correct the name",
        ));
    }
    fields.only(&SCHEMES)?;
    let mut given = fields.entries();
    let (Some((scheme, value)), None) = (given.next(), given.next()) else {
        return Err(configuration(format!("authentication must have exactly one of {}", SCHEMES.join(", "))));
    };
    let at = fields.place(scheme);
    let held = held(value, &at)?;
    if let (Value::String(token), "bearer") = (held, scheme.as_str()) {
        return bearer(token.clone(), &at);
    }
    let inner = Fields::of(held, &at)?;
    match scheme.as_str() {
        "basic" => {
            let login = login(&inner)?;
            if login.username.contains(':') {
                return Err(configuration(format!("{at}.username must not hold a colon (RFC 7617)")));
            }
            Ok(Authentication::Basic(login))
        }
        "digest" => Ok(Authentication::Digest(login(&inner)?)),
        "bearer" => {
            inner.only(&["token"])?;
            bearer(inner.required("token")?, &at)
        }
        "certificate" => {
            inner.only(&["certificate", "key", "authority"])?;
            Ok(Authentication::Certificate(Identity {
                certificate: inner.required("certificate")?,
                key: inner.required("key")?,
                authority: inner.text("authority")?,
            }))
        }
        scheme => Ok(Authentication::Token(Box::new(oauth::read(&inner, scheme == "oidc")?))),
    }
}

/// The properties: as they stand, or what the secret that `use` names holds.
fn held<'a>(value: &'a Value, at: &str) -> Result<&'a Value, ActionFailure> {
    match value.as_object().and_then(|map| map.get("use").map(|used| (map, used))) {
        None => Ok(value),
        Some((map, used)) if map.len() == 1 => Ok(used),
        Some(_) => Err(configuration(format!("{at} has `use` and more; the secret must hold everything"))),
    }
}

fn login(fields: &Fields<'_>) -> Result<Login, ActionFailure> {
    fields.only(&["username", "password"])?;
    Ok(Login { username: fields.required("username")?, password: fields.required("password")? })
}

fn bearer(token: String, at: &str) -> Result<Authentication, ActionFailure> {
    if token.is_empty() || HeaderValue::from_str(&token).is_err() {
        return Err(configuration(format!("{at}.token is empty or holds characters no header can")));
    }
    Ok(Authentication::Bearer(token))
}

impl Authentication {
    /// Its name, for people.
    pub(crate) fn scheme(&self) -> &'static str {
        match self {
            Self::Basic(_) => "basic",
            Self::Bearer(_) => "bearer",
            Self::Digest(_) => "digest",
            Self::Certificate(_) => "certificate",
            Self::Token(policy) if policy.is_oidc() => "oidc",
            Self::Token(_) => "oauth2",
        }
    }

    /// What must not appear in answers and messages.
    pub(crate) fn revealed(&self) -> Revealed {
        let texts: Vec<Value> = match self {
            Self::Basic(login) | Self::Digest(login) => vec![login.password.clone().into()],
            Self::Bearer(token) => vec![token.clone().into()],
            Self::Certificate(identity) => vec![identity.key.clone().into()],
            Self::Token(policy) => policy.secrets().map(|text| text.to_owned().into()).collect(),
        };
        Revealed::of(&texts)
    }
}

/// The value of an `Authorization` header; not shown by anything that prints headers.
pub(crate) fn header(text: &str) -> Result<HeaderValue, ActionFailure> {
    let mut value = HeaderValue::from_bytes(text.as_bytes())
        .map_err(|_| configuration("the credentials hold characters no header can; remove line breaks"))?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_scheme_is_read_written_out_or_from_a_secret() {
        for (value, scheme) in [
            (json!({"basic": {"username": "u", "password": 1234}}), "basic"),
            (json!({"basic": {"use": {"username": "u", "password": "p"}}}), "basic"),
            (json!({"bearer": {"token": "t"}}), "bearer"),
            (json!({"bearer": {"use": "t"}}), "bearer"),
            (json!({"bearer": {"use": {"token": "t"}}}), "bearer"),
            (json!({"digest": {"username": "u", "password": "p"}}), "digest"),
            (json!({"certificate": {"certificate": "c", "key": "k"}}), "certificate"),
            (
                json!({"oauth2": {"authority": "http://a/", "grant": "client_credentials", "client": {"id": "i"}}}),
                "oauth2",
            ),
            (
                json!({"oidc": {"use": {"authority": "http://a/", "grant": "client_credentials", "client": {"id": "i", "secret": "s"}}}}),
                "oidc",
            ),
        ] {
            match read(&value) {
                Ok(read) => assert_eq!(read.scheme(), scheme),
                Err(error) => panic!("{value}: {error}"),
            }
        }
    }

    #[test]
    fn what_is_wrong_is_named_and_never_shown() {
        for (value, part) in [
            (json!("hidden"), "authentication must be an object"),
            (json!({}), "exactly one of basic"),
            (
                json!({"basic": {"username": "u", "password": "hidden"}, "bearer": {"token": "hidden"}}),
                "exactly one",
            ),
            (json!({"use": "hidden"}), "use.authentications"),
            (json!({"basik": {}}), "it takes basic"),
            (json!({"basic": {"username": "u", "passwort": "hidden"}}), "no \"passwort\""),
            (json!({"basic": {"username": "u"}}), "authentication.basic.password is missing"),
            (json!({"basic": {"username": "u:hidden", "password": "hidden"}}), "colon"),
            (json!({"basic": {"use": "hidden"}}), "authentication.basic must be an object"),
            (json!({"basic": {"use": {}, "username": "hidden"}}), "`use` and more"),
            (json!({"basic": {"username": ["hidden"], "password": "hidden"}}), "username must be text"),
            (json!({"bearer": {"token": "hidden\n"}}), "no header can"),
            (json!({"oauth2": {"authority": "http://a/", "grant": "hidden"}}), "oauth2.grant"),
        ] {
            let Err(error) = read(&value) else { panic!("{value} was taken") };
            assert!(error.message.contains(part), "{value}: {error}");
            assert!(!error.message.contains("hidden"), "{value}: {error}");
        }
    }
}
