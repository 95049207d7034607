//! Tokens: fetched from an authority, kept until they run out, refreshed, and dropped when a peer refuses them.
//!
//! Deliberately absent: revoking. A token belongs to a policy, not to a run, and other runs may be using it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use model::secret::Revealed;
use ports::{ActionFailure, FailureKind, Retry};
use reqwest::Url;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use serde_json::Value;

use super::assertion;
use super::oauth::{Endpoints, Policy, TokenRequest, form};
use crate::functions::fields::{configuration, scalar};
use crate::functions::http::{Sender, excerpt, random_id};

/// Policies whose tokens are kept.
const POLICIES_MAX: usize = 256;
/// OpenID configurations that are kept, and for how long.
const CONFIGURATIONS_MAX: usize = 64;
const CONFIGURATION_LIFETIME: Duration = Duration::from_secs(600);
/// How long a token is used whose authority does not say how long it is good for.
const UNTOLD_LIFETIME: Duration = Duration::from_secs(300);
/// A token is not used for its last moments: it could run out on the way. At most a tenth of its life.
const MARGIN: Duration = Duration::from_secs(30);
/// Largest answer of an authority.
const ANSWER_BYTES_MAX: usize = 512 * 1024;
const WELL_KNOWN: &str = "/.well-known/openid-configuration";

/// What is known of one policy's tokens. Whoever fetches holds it, so that many calls at once fetch one token.
type Slot = Arc<tokio::sync::Mutex<Option<Held>>>;

struct Held {
    access: String,
    refresh: Option<String>,
    until: Instant,
}

/// A token for one request.
pub(crate) struct Token {
    pub(crate) access: String,
    /// It was there already; a peer that refuses it may take a new one.
    pub(crate) kept: bool,
}

/// Where an authority is asked.
#[derive(Clone)]
struct Places {
    token: Url,
    introspection: Option<Url>,
}

/// The tokens of all policies.
#[derive(Default)]
pub(crate) struct Tokens {
    slots: Mutex<VecDeque<([u8; 32], Slot)>>,
    places: Mutex<VecDeque<(String, Places, Instant)>>,
}

impl Tokens {
    /// A token that is good now.
    pub(crate) async fn token(&self, sender: &Sender, policy: &Policy) -> Result<Token, ActionFailure> {
        let slot = self.slot(policy);
        let mut held = slot.lock().await;
        if let Some(held) = held.as_ref().filter(|held| Instant::now() < held.until) {
            return Ok(Token { access: held.access.clone(), kept: true });
        }
        let places = self.places(sender, policy).await?;
        // Kept until a new one is here: a call that is given up in between must not lose it.
        let refresh = held.as_ref().and_then(|held| held.refresh.clone());
        let (fetched, old) = match refresh {
            None => (fetch(sender, policy, &places, None).await?, None),
            Some(refresh) => match fetch(sender, policy, &places, Some(&refresh)).await {
                // A refresh token that is spent is no failure while the grant itself can be repeated.
                Err(failure) if failure.kind == FailureKind::Authentication => {
                    (fetch(sender, policy, &places, None).await?, None)
                }
                fetched => (fetched?, Some(refresh)),
            },
        };
        let fetched = Held { refresh: fetched.refresh.or(old), ..fetched };
        let access = fetched.access.clone();
        *held = Some(fetched);
        Ok(Token { access, kept: false })
    }

    /// A peer refused this token: it is not used again.
    pub(crate) async fn refuse(&self, policy: &Policy, access: &str) {
        let slot = self.slot(policy);
        let mut held = slot.lock().await;
        if let Some(held) = held.as_mut().filter(|held| held.access == access) {
            held.until = Instant::now();
        }
    }

    fn slot(&self, policy: &Policy) -> Slot {
        let key = policy.fingerprint();
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = slots.iter().position(|(k, _)| *k == key)
            && let Some(found) = slots.remove(at)
        {
            slots.push_back(found);
        } else {
            if slots.len() >= POLICIES_MAX {
                slots.pop_front();
            }
            slots.push_back((key, Slot::default()));
        }
        slots.back().map(|(_, slot)| Arc::clone(slot)).unwrap_or_default()
    }

    async fn places(&self, sender: &Sender, policy: &Policy) -> Result<Places, ActionFailure> {
        let authority = policy.authority.trim_end_matches('/');
        let Endpoints::Paths { token, introspection } = &policy.endpoints else {
            return self.discovered(sender, policy, authority).await;
        };
        let place = |path: &str| {
            if path.contains("://") {
                url(path)
            } else {
                url(&format!("{authority}/{}", path.trim_start_matches('/')))
            }
        };
        Ok(Places { token: place(token)?, introspection: Some(place(introspection)?) })
    }

    /// OpenID Connect Discovery 1.0, section 4.
    async fn discovered(
        &self,
        sender: &Sender,
        policy: &Policy,
        authority: &str,
    ) -> Result<Places, ActionFailure> {
        let authority = authority.strip_suffix(WELL_KNOWN).unwrap_or(authority);
        let key = format!("{authority} {}", policy.issuers.join(" "));
        let kept = |places: &mut VecDeque<(String, Places, Instant)>| {
            places.retain(|(.., since)| since.elapsed() < CONFIGURATION_LIFETIME);
            places.iter().find(|(k, ..)| *k == key).map(|(_, places, _)| places.clone())
        };
        if let Some(places) = kept(&mut self.places.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(places);
        }
        let from = url(&format!("{authority}{WELL_KNOWN}"))?;
        let request = sender.get(&from, accepting_json());
        let (status, body) = sender
            .small(request, &from, ANSWER_BYTES_MAX)
            .await
            .map_err(|failure| unasked(&from, failure))?;
        let read: Option<Value> = serde_json::from_slice(&body).ok();
        let text = |name: &str| read.as_ref()?.get(name)?.as_str();
        let (Some(issuer), Some(token), 200..300) = (text("issuer"), text("token_endpoint"), status) else {
            return Err(no_token(
                &from,
                format!("no OpenID configuration (status {status}); check `authority`"),
            ));
        };
        check_configuration(policy, authority, &from, issuer, token)?;
        let places = Places {
            token: url(token)?,
            introspection: text("introspection_endpoint").and_then(|text| url(text).ok()),
        };
        let mut known = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= CONFIGURATIONS_MAX {
            known.pop_front();
        }
        known.push_back((key, places.clone(), Instant::now()));
        Ok(places)
    }
}

/// Holds a configuration against what was asked for: somebody else's would be given our client's secret.
fn check_configuration(
    policy: &Policy,
    authority: &str,
    from: &Url,
    issuer: &str,
    token: &str,
) -> Result<(), ActionFailure> {
    let plain = issuer.trim_end_matches('/');
    let known = if policy.issuers.is_empty() {
        plain == authority
    } else {
        policy.issuers.iter().any(|known| known.trim_end_matches('/') == plain)
    };
    if !known {
        let issuer = receive::limits::cut(issuer, 200);
        return Err(no_token(
            from,
            format!(
                "its OpenID configuration is of the issuer {issuer:?}; if that is right, list it in `issuers`"
            ),
        ));
    }
    if from.scheme() == "https" && !token.starts_with("https://") {
        return Err(no_token(
            from,
            "its token endpoint is not encrypted, so no secret is sent there".to_owned(),
        ));
    }
    Ok(())
}

async fn fetch(
    sender: &Sender,
    policy: &Policy,
    places: &Places,
    refresh: Option<&str>,
) -> Result<Held, ActionFailure> {
    let asked = Instant::now();
    let place = &places.token;
    let request = policy.request(place, refresh, &random_id(), now_s())?;
    let (status, answer) = post(sender, place, request).await?;
    // An authority may tell what it was sent as it was sent.
    let sent = policy.secrets().flat_map(|text| [text.to_owned(), form(text)]);
    let hidden = sent.map(Value::from).collect::<Vec<_>>();
    let hidden = Revealed::of(&hidden);
    if !(200..300).contains(&status) {
        return Err(declined(place, status, &answer, &hidden));
    }
    let body: Value = serde_json::from_slice(&answer).unwrap_or_default();
    let Some(access) = body.get("access_token").and_then(Value::as_str).filter(|text| !text.is_empty())
    else {
        return Err(no_token(place, format!("no access_token in it (status {status})")));
    };
    if HeaderValue::from_str(access).is_err() {
        return Err(no_token(place, "a token with characters no header can hold".to_owned()));
    }
    let kind = body.get("token_type").and_then(Value::as_str).unwrap_or("Bearer");
    if !["bearer", "n_a"].iter().any(|known| kind.eq_ignore_ascii_case(known)) {
        let kind = receive::limits::cut(kind, 40);
        return Err(no_token(place, format!("a token of type {kind:?}; only bearer tokens can be used")));
    }
    check_issuer(sender, policy, places, access).await?;
    let told = body.get("expires_in").and_then(scalar).and_then(|text| text.parse::<f64>().ok());
    let lifetime = told
        .and_then(|seconds| Duration::try_from_secs_f64(seconds.clamp(0.0, 1e9)).ok())
        .unwrap_or(UNTOLD_LIFETIME);
    Ok(Held {
        access: access.to_owned(),
        refresh: body.get("refresh_token").and_then(Value::as_str).map(str::to_owned),
        until: asked + lifetime.saturating_sub(MARGIN.min(lifetime / 10)),
    })
}

/// Holds the issuer of a token against the list; an opaque token's is asked for (RFC 7662).
async fn check_issuer(
    sender: &Sender,
    policy: &Policy,
    places: &Places,
    access: &str,
) -> Result<(), ActionFailure> {
    if policy.issuers.is_empty() {
        return Ok(());
    }
    let issuer = match (assertion::issuer(access), &places.introspection) {
        (Some(issuer), _) => Some(issuer),
        (None, Some(place)) => {
            let request = policy.introspection(place, access, &random_id(), now_s())?;
            let (_, answer) = post(sender, place, request).await?;
            let known: Value = serde_json::from_slice(&answer).unwrap_or_default();
            let active = known.get("active").and_then(Value::as_bool).unwrap_or(false);
            known.get("iss").and_then(Value::as_str).filter(|_| active).map(str::to_owned)
        }
        (None, None) => None,
    };
    match issuer {
        Some(issuer) if policy.issuers.contains(&issuer) => Ok(()),
        Some(issuer) => {
            let issuer = receive::limits::cut(&issuer, 200);
            let wrong = format!("a token of the issuer {issuer:?}, who is not in `issuers`");
            Err(no_token(&places.token, wrong))
        }
        None => {
            let untold = "a token that does not tell its issuer; take `issuers` out, or name an introspection endpoint";
            Err(no_token(&places.token, untold.to_owned()))
        }
    }
}

async fn post(sender: &Sender, place: &Url, request: TokenRequest) -> Result<(u16, Vec<u8>), ActionFailure> {
    let mut headers = accepting_json();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(request.content_type));
    if let Some(authorization) = &request.authorization {
        headers.insert(AUTHORIZATION, super::header(authorization)?);
    }
    let request = sender.post(place, headers, request.body);
    sender.small(request, place, ANSWER_BYTES_MAX).await.map_err(|failure| unasked(place, failure))
}

fn accepting_json() -> HeaderMap {
    HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))])
}

/// RFC 6749, 5.2.
fn declined(place: &Url, status: u16, body: &[u8], hidden: &Revealed) -> ActionFailure {
    let why = match serde_json::from_slice::<Value>(body) {
        Ok(answer) if answer.get("error").is_some() => {
            let part = |name: &str| answer.get(name).and_then(scalar).unwrap_or_default();
            format!("{} {}", part("error"), part("error_description"))
        }
        _ => excerpt(body),
    };
    let why = hidden.hide(receive::limits::cut(why.trim(), 300).as_ref());
    match status {
        429 | 500..=599 => {
            let message = format!("no token from {}: status {status} {why}", shown(place));
            ActionFailure::new(FailureKind::Communication, Retry::Temporary, message).with_status(status)
        }
        _ => no_token(place, format!("status {status} {why}; check the client, its secret and the grant")),
    }
}

fn no_token(place: &Url, why: String) -> ActionFailure {
    let message = format!("no token from {}: {why}", shown(place));
    ActionFailure::new(FailureKind::Authentication, Retry::Permanent, message)
}

/// The authority was not reached; nothing of the call itself has been done, so it may be tried again.
fn unasked(place: &Url, mut failure: ActionFailure) -> ActionFailure {
    failure.message = format!("no token from {}: {}", shown(place), failure.message);
    if failure.retry == Retry::Exhausted {
        failure.retry = Retry::Temporary;
    }
    failure
}

fn shown(place: &Url) -> String {
    format!("{}{}", place.origin().ascii_serialization(), place.path())
}

fn url(text: &str) -> Result<Url, ActionFailure> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    url.ok_or_else(|| configuration("`authority` and `endpoints` must be http or https URLs"))
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
