//! A call over HTTP as a whole: authentication, redirects, limits. All functions that speak HTTP go through here.

use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use model::secret::Revealed;
use ports::{ActionFailure, FailureKind, Retry};
use reqwest::header::{
    ACCEPT, ACCEPT_LANGUAGE, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName,
    HeaderValue, LOCATION, USER_AGENT,
};
use reqwest::{Method, Response, StatusCode, Url};
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::Value;

use super::failure::{configuration, place, refused};
use super::sender::{Sender, Unanswered, no_answer};
use crate::functions::auth::digest::{self, Challenges, Signed};
use crate::functions::auth::tokens::Tokens;
use crate::functions::auth::{self, Authentication, Login};
use crate::functions::limits::Limits;
use crate::http;

/// Longest `Location` that is followed.
const LOCATION_BYTES_MAX: usize = 8 * 1024;
/// Longest key that is sent as it is; some peers refuse longer ones.
const KEY_BYTES_MAX: usize = 255;
/// Headers that go along to another origin. Everything else may be a credential under a name of its own.
const TRAVELLING: [HeaderName; 5] = [ACCEPT, ACCEPT_LANGUAGE, CONTENT_TYPE, CONTENT_ENCODING, USER_AGENT];
/// The header of draft-ietf-httpapi-idempotency-key-header.
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Makes requests within [`Limits`], and keeps connections, tokens and challenges between them.
pub struct Web {
    sender: Sender,
    tokens: Tokens,
    challenges: Challenges,
}

/// A request.
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) authentication: Option<Authentication>,
    /// Whether redirects are followed.
    pub(crate) follow: bool,
}

/// An answer whose head is here and whose body is not read yet.
pub(crate) struct Opened {
    /// What was sent last, after redirects.
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) request_headers: HeaderMap,
    pub(crate) response: Response,
    /// What was put into the request and must not be shown.
    pub(crate) hidden: Revealed,
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) request_headers: HeaderMap,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) hidden: Revealed,
}

/// One request of a call; a redirect makes the next.
struct Hop<'a> {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Bytes,
    authentication: Option<&'a Authentication>,
    /// Whether any request has been sent; then nobody knows what was done when no answer comes.
    sent: &'a AtomicBool,
}

impl Web {
    /// # Errors
    /// A certificate or the proxy in the limits cannot be read, or no TLS provider is installed.
    pub fn new(limits: Limits) -> Result<Self, String> {
        Sender::new(limits).map(Self::over)
    }

    /// One that speaks HTTP/2 from the first byte, as gRPC does: over TLS and in clear text.
    ///
    /// # Errors
    /// As for `new`.
    pub fn http2(limits: Limits) -> Result<Self, String> {
        Sender::http2(limits).map(Self::over)
    }

    fn over(sender: Sender) -> Self {
        Self { sender, tokens: Tokens::default(), challenges: Challenges::default() }
    }

    /// The limits.
    pub(crate) fn limits(&self) -> &Limits {
        self.sender.limits()
    }

    /// Whether a request may go there, as far as can be told without looking its name up.
    pub(crate) fn check(&self, url: &Url) -> Result<(), ActionFailure> {
        self.sender.check(url)
    }

    /// The same with the name looked up, for what is not sent through here.
    pub(crate) async fn check_resolved(&self, url: &Url) -> Result<(), ActionFailure> {
        self.sender.check_resolved(url).await
    }

    /// Sends a request and reads the answer, whatever its status, within the limits.
    pub(crate) async fn exchange(&self, request: &Request) -> Result<Answer, ActionFailure> {
        self.exchange_up_to(request, self.limits().response_bytes_max).await
    }

    /// The same with another limit on the size of the answer.
    pub(crate) async fn exchange_up_to(
        &self,
        request: &Request,
        bytes_max: usize,
    ) -> Result<Answer, ActionFailure> {
        let sent = AtomicBool::new(false);
        let work = async {
            let opened = self.open(request, &sent).await?;
            read(opened, bytes_max).await
        };
        let done = tokio::time::timeout(self.limits().timeout, work).await;
        let hidden = request.authentication.as_ref().map(Authentication::revealed).unwrap_or_default();
        done.unwrap_or_else(|_| {
            let sent = sent.load(Ordering::Relaxed);
            let kind = FailureKind::Timeout;
            let reason = format!("no whole answer within {} s", self.limits().timeout.as_secs_f64());
            Err(no_answer(&request.method, &request.url, Unanswered { reason, sent, kind }))
        })
        .map_err(|mut failure| {
            failure.message = hidden.hide(&failure.message);
            failure
        })
    }

    /// Sends a request, proves who asks, follows redirects. Time is not limited here but for connecting.
    pub(crate) async fn open(&self, request: &Request, sent: &AtomicBool) -> Result<Opened, ActionFailure> {
        let mut hop = Hop {
            method: request.method.clone(),
            url: request.url.clone(),
            headers: request.headers.clone(),
            body: request.body.clone(),
            authentication: request.authentication.as_ref(),
            sent,
        };
        let mut followed = 0;
        loop {
            self.sender.check(&hop.url)?;
            let (response, hidden) = self.authenticated(&mut hop).await?;
            let next = if request.follow { next_hop(&hop, &response)? } else { None };
            let Some(next) = next else {
                let Hop { method, url, headers, .. } = hop;
                return Ok(Opened { method, url, request_headers: headers, response, hidden });
            };
            followed += 1;
            if followed > self.limits().redirects_max {
                let limit = self.limits().redirects_max;
                let message = format!(
                    "{} {} was redirected more than {limit} times; look at where it leads",
                    request.method,
                    place(&request.url)
                );
                let failure = ActionFailure::new(FailureKind::Communication, Retry::Permanent, message);
                return Err(failure.with_status(response.status().as_u16()));
            }
            hop = next;
        }
    }

    /// Sends one hop, proving who asks; asks a second time where the scheme needs it.
    async fn authenticated(&self, hop: &mut Hop<'_>) -> Result<(Response, Revealed), ActionFailure> {
        match hop.authentication {
            None | Some(Authentication::Certificate(_)) => {}
            Some(Authentication::Basic(login)) => {
                let pair = STANDARD.encode(format!("{}:{}", login.username, login.password));
                hop.authorize(&format!("Basic {pair}"))?;
            }
            Some(Authentication::Bearer(token)) => hop.authorize(&format!("Bearer {token}"))?,
            Some(Authentication::Digest(login)) => return self.digested(hop, login).await,
            Some(Authentication::Token(policy)) => {
                let mut token = self.tokens.token(&self.sender, policy).await?;
                hop.authorize(&format!("Bearer {}", token.access))?;
                let mut response = self.send(hop).await?;
                if response.status() == StatusCode::UNAUTHORIZED && token.kept {
                    self.tokens.refuse(policy, &token.access).await;
                    token = self.tokens.token(&self.sender, policy).await?;
                    hop.authorize(&format!("Bearer {}", token.access))?;
                    response = self.send(hop).await?;
                }
                return Ok((response, hop.revealed(&[token.access])));
            }
        }
        let response = self.send(hop).await?;
        Ok((response, hop.revealed(&[])))
    }

    async fn digested(
        &self,
        hop: &mut Hop<'_>,
        login: &Login,
    ) -> Result<(Response, Revealed), ActionFailure> {
        let origin = hop.url.origin().ascii_serialization();
        let known = self.challenges.next(&origin, &login.username);
        let answers = known.is_some();
        if let Some((challenge, count)) = known {
            hop.answer(&challenge, login, count)?;
        }
        let response = self.send(hop).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok((response, hop.revealed(&[])));
        }
        let Some(challenge) = digest::challenge(response.headers()) else {
            let message = format!(
                "{} {} asks for no digest authentication that we know (MD5 or SHA-256 with qop auth); use the scheme it \
                 asks for",
                hop.method,
                place(&hop.url)
            );
            return Err(ActionFailure::new(FailureKind::Authentication, Retry::Permanent, message));
        };
        // An old nonce may be refused without a word about it; a fresh one that is refused is a wrong password.
        tracing::debug!(stale = challenge.is_stale(), answered = answers, "A digest challenge is answered.");
        drop(response);
        hop.answer(&challenge, login, 1)?;
        self.challenges.keep(&origin, &login.username, challenge);
        let response = self.send(hop).await?;
        Ok((response, hop.revealed(&[])))
    }

    async fn send(&self, hop: &Hop<'_>) -> Result<Response, ActionFailure> {
        let identity = match hop.authentication {
            Some(Authentication::Certificate(identity)) => Some(identity),
            _ => None,
        };
        let request = self.sender.request(&hop.method, &hop.url, identity)?.headers(hop.headers.clone());
        let request = if hop.body.is_empty() { request } else { request.body(hop.body.clone()) };
        hop.sent.store(true, Ordering::Relaxed);
        self.sender.send(request).await.map_err(|gone| {
            hop.sent.store(gone.sent, Ordering::Relaxed);
            no_answer(&hop.method, &hop.url, gone)
        })
    }
}

impl Hop<'_> {
    fn authorize(&mut self, text: &str) -> Result<(), ActionFailure> {
        self.headers.insert(AUTHORIZATION, auth::header(text)?);
        Ok(())
    }

    fn answer(
        &mut self,
        challenge: &digest::Challenge,
        login: &Login,
        count: u32,
    ) -> Result<(), ActionFailure> {
        let uri = match self.url.query() {
            Some(query) => format!("{}?{query}", self.url.path()),
            None => self.url.path().to_owned(),
        };
        let request = Signed { method: self.method.as_str(), uri: &uri, body: &self.body };
        self.authorize(&digest::answer(challenge, login, &request, count, &random_id()))
    }

    /// What must not be shown of this hop: its credentials and what was made of them.
    fn revealed(&self, more: &[String]) -> Revealed {
        let sent = self.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let parameter =
            sent.map(|text| text.split_once(' ').map_or(text, |(_, parameter)| parameter).to_owned());
        let texts = more.iter().cloned().chain(parameter).map(Value::from).collect::<Vec<_>>();
        let own = self.authentication.map(Authentication::revealed).unwrap_or_default();
        own.and(&Revealed::of(&texts))
    }
}

/// The request that a redirect asks for (RFC 9110, 15.4). Another origin gets no credentials; nothing leaves TLS.
fn next_hop<'a>(hop: &Hop<'a>, response: &Response) -> Result<Option<Hop<'a>>, ActionFailure> {
    let keeps = match response.status().as_u16() {
        307 | 308 => true,
        301 | 302 => hop.method != Method::POST,
        303 => matches!(hop.method, Method::GET | Method::HEAD),
        _ => return Ok(None),
    };
    let Some(location) = response.headers().get(LOCATION) else { return Ok(None) };
    let wrong = |why: &str| {
        let message = format!("{} {} redirects {why}", hop.method, place(&hop.url));
        let failure = ActionFailure::new(FailureKind::Communication, Retry::Permanent, message);
        failure.with_status(response.status().as_u16())
    };
    let text = location.to_str().ok().filter(|text| text.len() <= LOCATION_BYTES_MAX);
    let url = text.and_then(|text| hop.url.join(text).ok()).ok_or_else(|| wrong("to what is no URL"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("to what is no plain http or https URL"));
    }
    if hop.url.scheme() == "https" && url.scheme() == "http" {
        return Err(wrong(
            "from https to http, which is not followed; call the second address if that is meant",
        ));
    }
    let mut headers = hop.headers.clone();
    let mut body = hop.body.clone();
    let mut method = hop.method.clone();
    if !keeps {
        method = Method::GET;
        body = Bytes::new();
        for name in [CONTENT_TYPE, CONTENT_ENCODING, IDEMPOTENCY_KEY] {
            headers.remove(name);
        }
    }
    let mut authentication = hop.authentication;
    if url.origin() != hop.url.origin() {
        authentication = None;
        let travels = |name: &HeaderName| TRAVELLING.contains(name) || *name == IDEMPOTENCY_KEY;
        headers = headers.iter().filter(|(n, _)| travels(n)).map(|(n, v)| (n.clone(), v.clone())).collect();
    }
    Ok(Some(Hop { method, url, headers, body, authentication, sent: hop.sent }))
}

/// Reads an answer whole.
pub(crate) async fn read(opened: Opened, bytes_max: usize) -> Result<Answer, ActionFailure> {
    let Opened { method, url, request_headers, mut response, hidden } = opened;
    let body = http::body(&mut response, bytes_max).await.map_err(|reason| {
        let too_large = reason.starts_with("answer larger");
        let (retry, advice) = match (too_large, method.is_idempotent()) {
            (true, _) => (Retry::Permanent, "ask for less, or raise the limit"),
            (false, true) => (Retry::Temporary, "it broke off in the middle; look at the log of the peer"),
            (false, false) => (Retry::Exhausted, "it broke off in the middle and may have been done"),
        };
        let message = format!("{method} {}: {reason}; {advice}", place(&url));
        ActionFailure::new(FailureKind::Communication, retry, message).with_status(502)
    })?;
    let (status, headers) = (response.status(), response.headers().clone());
    Ok(Answer { method, url, request_headers, status, headers, body, hidden })
}

impl Answer {
    /// Whether the status is a success, for calls that take redirects as one and for those that do not.
    ///
    /// # Errors
    /// What the status means.
    pub(crate) fn judge(&self, redirects_are_fine: bool) -> Result<(), ActionFailure> {
        if self.status.is_success() || (redirects_are_fine && self.status.is_redirection()) {
            return Ok(());
        }
        let mut failure = refused(&self.method, &self.url, self.status, &self.headers, &self.body);
        failure.message = self.hidden.hide(&failure.message);
        Err(failure)
    }
}

/// The value of an `Idempotency-Key` header: the key, or its hash when no header can hold it.
pub(crate) fn idempotency_key(key: &str) -> HeaderValue {
    let fits = key.len() <= KEY_BYTES_MAX && key.bytes().all(|byte| byte.is_ascii_graphic());
    let text = if fits && !key.is_empty() { key.to_owned() } else { model::secret::nonce(key.as_bytes()) };
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("none"))
}

/// 128 random bits in hexadecimal.
pub(crate) fn random_id() -> String {
    let mut bytes = [0_u8; 16];
    // The system's generator does not fail after the first bytes of a process; TLS would have failed before.
    SystemRandom::new().fill(&mut bytes).expect("the system has no random numbers");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A URL that a call may be made to.
pub(crate) fn url(text: &str) -> Result<Url, ActionFailure> {
    let shown = receive::limits::cut(text, 200);
    if let Some((_, rest)) = text.split_once('{') {
        let name = rest.split('}').next().unwrap_or_default();
        let name = receive::limits::cut(name, 80);
        return Err(configuration(format!("the endpoint {shown:?} has no value for {{{name}}}; give one")));
    }
    let url = Url::parse(text).map_err(|_| {
        configuration(format!("the endpoint {shown:?} is no URL; write it whole: https://host/path"))
    })?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(configuration(format!("the endpoint {shown:?} must begin with http:// or https://")));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(configuration("the endpoint holds credentials; put them into `authentication`"));
    }
    Ok(url)
}
