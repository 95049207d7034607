//! One request to one place: clients, their certificates, and where they may go. It follows no redirect and knows no
//! authentication but a client certificate; both are [`super::Web`]'s.

use std::collections::VecDeque;
use std::error::Error;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use ports::{ActionFailure, FailureKind, Retry};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::HeaderMap;
use reqwest::{Certificate, Client, ClientBuilder, Method, Proxy, RequestBuilder, Response, Url};

use super::failure::{configuration, place};
use crate::functions::auth::Identity;
use crate::functions::limits::{Closed, Egress, Limits, literal};
use crate::http;

/// Clients with a certificate that are kept; each holds connections.
const IDENTITIES_MAX: usize = 32;
/// Most headers of an answer.
const HEADERS_MAX: usize = 128;

/// Sends requests within the limits.
pub(crate) struct Sender {
    limits: Limits,
    /// For what a call needs before it can be made.
    plain: Client,
    /// For calls.
    calls: Client,
    /// Whether calls speak HTTP/2 from the first byte.
    http2: bool,
    identified: Mutex<VecDeque<(Identity, Client)>>,
}

/// Looks names up, and keeps requests from addresses they may not go to: a name can lead anywhere.
struct Resolver(Egress);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let egress = self.0.clone();
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let any = !found.is_empty();
            let open: Vec<_> =
                found.into_iter().filter(|a| egress.takes_resolved(name.as_str(), a.ip())).collect();
            if open.is_empty() && any {
                return Err(Closed::new(name.as_str()).into());
            }
            Ok(Box::new(open.into_iter()) as Addrs)
        })
    }
}

/// Why a request got no answer.
pub(super) struct Unanswered {
    /// In few words, with what to do.
    pub(super) reason: String,
    /// Whether the peer may have seen it.
    pub(super) sent: bool,
    /// Who is at fault.
    pub(super) kind: FailureKind,
}

impl Sender {
    pub(crate) fn new(limits: Limits) -> Result<Self, String> {
        let plain = client(&limits, None, false)?;
        Ok(Self { limits, calls: plain.clone(), plain, http2: false, identified: Mutex::default() })
    }

    pub(crate) fn http2(limits: Limits) -> Result<Self, String> {
        let (plain, calls) = (client(&limits, None, false)?, client(&limits, None, true)?);
        Ok(Self { limits, calls, plain, http2: true, identified: Mutex::default() })
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// A request with the method GET and no certificate.
    pub(crate) fn get(&self, url: &Url, headers: HeaderMap) -> RequestBuilder {
        self.plain.get(url.clone()).headers(headers)
    }

    /// A request with the method POST and no certificate.
    pub(crate) fn post(&self, url: &Url, headers: HeaderMap, body: String) -> RequestBuilder {
        self.plain.post(url.clone()).headers(headers).body(body)
    }

    /// A request with any method, and with a certificate if there is one.
    pub(super) fn request(
        &self,
        method: &Method,
        url: &Url,
        identity: Option<&Identity>,
    ) -> Result<RequestBuilder, ActionFailure> {
        let client = match identity {
            None => self.calls.clone(),
            Some(identity) => self.identified(identity)?,
        };
        Ok(client.request(method.clone(), url.clone()))
    }

    fn identified(&self, identity: &Identity) -> Result<Client, ActionFailure> {
        let mut held = self.identified.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, client)) = held.iter().find(|(known, _)| known == identity) {
            return Ok(client.clone());
        }
        let client = client(&self.limits, Some(identity), self.http2).map_err(configuration)?;
        if held.len() >= IDENTITIES_MAX {
            held.pop_front();
        }
        held.push_back((identity.clone(), client.clone()));
        Ok(client)
    }

    /// Whether a request may go there.
    pub(crate) fn check(&self, url: &Url) -> Result<(), ActionFailure> {
        self.limits.egress.check(url).map_err(|closed| refused_here(&closed))
    }

    /// Whether something may go there, the addresses of its name included.
    pub(crate) async fn check_resolved(&self, url: &Url) -> Result<(), ActionFailure> {
        self.check(url)?;
        let (name, port) =
            (url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default());
        if literal(name).is_some() {
            return Ok(());
        }
        let found = tokio::net::lookup_host((name, port)).await.map_err(|_| {
            let text = format!("{}: dns: the name is not known; check its spelling", place(url));
            ActionFailure::new(FailureKind::Communication, Retry::Temporary, text).with_status(502)
        })?;
        for address in found {
            if !self.limits.egress.takes_resolved(name, address.ip()) {
                return Err(refused_here(&Closed::new(name)));
            }
        }
        Ok(())
    }

    /// Sends. The answer's head is bounded, its body not read yet.
    pub(super) async fn send(&self, request: RequestBuilder) -> Result<Response, Unanswered> {
        let response = request.send().await.map_err(|error| unanswered(&error))?;
        let head: usize =
            response.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        if head > self.limits.header_bytes_max {
            let reason =
                format!("the head of the answer is larger than {} bytes", self.limits.header_bytes_max);
            return Err(Unanswered { reason, sent: true, kind: FailureKind::Communication });
        }
        Ok(response)
    }

    /// Sends, and reads a small answer whole: for what a call needs before it can be made.
    pub(crate) async fn small(
        &self,
        request: RequestBuilder,
        url: &Url,
        bytes_max: usize,
    ) -> Result<(u16, Vec<u8>), ActionFailure> {
        self.check(url)?;
        let failed = |reason: String, kind| ActionFailure::new(kind, Retry::Exhausted, reason);
        let mut response = self.send(request).await.map_err(|gone| failed(gone.reason, gone.kind))?;
        let body = http::body(&mut response, bytes_max).await;
        let body = body.map_err(|reason| failed(reason, FailureKind::Communication))?;
        Ok((response.status().as_u16(), body))
    }
}

/// A request that egress rules keep here.
pub(super) fn refused_here(closed: &Closed) -> ActionFailure {
    ActionFailure::new(FailureKind::Authorization, Retry::Permanent, closed.to_string())
}

fn client(limits: &Limits, identity: Option<&Identity>, http2: bool) -> Result<Client, String> {
    let mut authorities = Vec::new();
    let extra = identity.and_then(|identity| identity.authority.as_ref());
    for pem in limits.authorities.iter().chain(extra) {
        let read = Certificate::from_pem_bundle(pem.as_bytes()).ok().filter(|read| !read.is_empty());
        authorities.extend(read.ok_or("the certificate of an authority cannot be read; give it in PEM")?);
    }
    let proxy = limits.proxy.as_deref().map(Proxy::all).transpose();
    let proxy = proxy.map_err(|_| "the proxy is no URL; write it as http://proxy:3128")?;
    let ours = identity.map(|identity| {
        let pem = format!("{}\n{}", identity.key, identity.certificate);
        reqwest::Identity::from_pem(pem.as_bytes())
    });
    let ours = ours.transpose().map_err(|_| {
        "the client certificate or its key cannot be read; give both in PEM (key: PKCS #8, SEC 1 or RSA, unencrypted)"
    })?;
    let builder = || {
        let mut builder = base(limits);
        if http2 {
            builder = builder.http2_prior_knowledge();
        }
        if let Some(proxy) = &proxy {
            builder = builder.proxy(proxy.clone());
        }
        if let Some(ours) = &ours {
            builder = builder.identity(ours.clone());
        }
        builder
    };
    let built = builder().tls_certs_merge(authorities.clone()).build();
    // On a machine without certificates of its own, those that were given still count.
    let built = built.or_else(|_| builder().tls_certs_only(authorities).build());
    built.map_err(|_| match identity {
        Some(_) => "the client certificate does not belong to its key; give both of one pair".to_owned(),
        None => "no TLS provider is installed; install one before making clients".to_owned(),
    })
}

fn base(limits: &Limits) -> ClientBuilder {
    Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .connect_timeout(limits.connect_timeout)
        .pool_max_idle_per_host(4)
        .http1_max_headers(HEADERS_MAX)
        .dns_resolver(Arc::new(Resolver(limits.egress.clone())))
        .user_agent(concat!("homeostat/", env!("CARGO_PKG_VERSION")))
}

fn unanswered(error: &reqwest::Error) -> Unanswered {
    let sent = !(error.is_connect() || error.is_builder());
    if let Some(closed) = cause::<Closed>(error) {
        return Unanswered { reason: closed.to_string(), sent: false, kind: FailureKind::Authorization };
    }
    let chain = chain(error);
    // With TLS 1.3 a peer refuses a certificate only after the request was sent; it has not read it then.
    if let Some(alert) =
        ["CertificateRequired", "BadCertificate", "CertificateUnknown", "UnknownCA", "AccessDenied"]
            .iter()
            .find(|alert| chain.contains(&format!("alert: {alert}")))
    {
        let reason = format!(
            "the peer does not accept who we are ({alert}); give a client certificate it knows in \
             `authentication.certificate`"
        );
        return Unanswered { reason, sent: false, kind: FailureKind::Authentication };
    }
    if let Some((_, why)) = chain.split_once("invalid peer certificate: ") {
        let why = why.split([':', ' ']).next().unwrap_or_default();
        let reason = format!(
            "the peer's certificate is not trusted ({why}); renew it, or add its authority to the trusted ones"
        );
        return Unanswered { reason, sent: false, kind: FailureKind::Communication };
    }
    let word = http::reason(error);
    let advice = match word.as_str() {
        "refused" => "nothing listens there; check host and port, or start what should",
        "dns" => "the name is not known; check its spelling and the DNS of this machine",
        "unreachable" => "there is no way to it; check the network and firewalls between",
        "timeout" if !sent => "no connection came about in time; check firewalls between, or raise the limit",
        "not HTTP" => "what answers there does not speak HTTP; check port and scheme",
        _ => "it broke off; look at the log of the peer",
    };
    let kind = if word == "timeout" { FailureKind::Timeout } else { FailureKind::Communication };
    Unanswered { reason: format!("{word}: {advice}"), sent, kind }
}

fn cause<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut current = Some(error);
    while let Some(error) = current {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        current = error.source();
    }
    None
}

/// Everything that an error and its causes say; for looking into only, as it may hold hostile text.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    let mut current = Some(error);
    while let Some(error) = current {
        text.push_str(&error.to_string());
        text.push(' ');
        current = error.source();
    }
    text
}

/// The failure of a request that got no answer.
pub(super) fn no_answer(method: &Method, url: &Url, gone: Unanswered) -> ActionFailure {
    let retry = match (gone.kind, gone.sent) {
        (FailureKind::Authorization | FailureKind::Authentication, _) => Retry::Permanent,
        (_, false) => Retry::Temporary,
        (FailureKind::Timeout, true) => Retry::Exhausted,
        (_, true) if method.is_idempotent() => Retry::Temporary,
        (_, true) => Retry::Exhausted,
    };
    let known = match (gone.sent, method.is_safe()) {
        (true, false) => " It is not known whether it was done.",
        _ => "",
    };
    let status = if gone.kind == FailureKind::Communication { 502 } else { gone.kind.default_status() };
    let message = format!("{method} {}: {}.{known}", place(url), gone.reason);
    ActionFailure::new(gone.kind, retry, message).with_status(status)
}
