//! HTTP digest authentication (RFC 7616, and RFC 2069 for peers without `qop`): reading a challenge, answering it.
//!
//! Algorithms: MD5, SHA-256, and their `-sess` variants; `qop` `auth` and `auth-int`. MD5 is here because the standard
//! is; the strongest that a peer offers is taken.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

use md5::Md5;
use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};
use sha2::{Digest, Sha256};

use super::Login;

/// Longest header that is read.
const HEADER_BYTES_MAX: usize = 8 * 1024;
/// Most parameters that are read.
const PARAMETERS_MAX: usize = 64;
/// Peers whose nonce is remembered.
const REMEMBERED_MAX: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Hash {
    Md5,
    Sha256,
}

impl Hash {
    fn of(self, text: &[u8]) -> String {
        let hex = |bytes: &[u8]| {
            bytes.iter().fold(String::new(), |mut hex, byte| {
                let _infallible = write!(hex, "{byte:02x}");
                hex
            })
        };
        match self {
            Self::Md5 => hex(&Md5::digest(text)),
            Self::Sha256 => hex(&Sha256::digest(text)),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quality {
    /// As before RFC 2617: the nonce alone.
    None,
    Auth,
    /// The body is signed too.
    AuthInt,
}

/// What a peer asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Challenge {
    realm: String,
    nonce: String,
    opaque: Option<String>,
    /// As the peer wrote it; it is sent back so.
    algorithm: Option<String>,
    hash: Hash,
    session: bool,
    quality: Quality,
    hide_user: bool,
    stale: bool,
}

impl Challenge {
    /// Whether the peer says that only the nonce was too old.
    pub(crate) fn is_stale(&self) -> bool {
        self.stale
    }
}

/// The request that is signed.
pub(crate) struct Signed<'a> {
    pub(crate) method: &'a str,
    /// Path and query.
    pub(crate) uri: &'a str,
    pub(crate) body: &'a [u8],
}

/// The strongest digest challenge of an answer that we can meet.
pub(crate) fn challenge(headers: &HeaderMap) -> Option<Challenge> {
    let values = headers.get_all(WWW_AUTHENTICATE).iter();
    let texts = values.filter_map(|value| std::str::from_utf8(value.as_bytes()).ok());
    let challenges = texts.filter(|text| text.len() <= HEADER_BYTES_MAX).flat_map(schemes);
    challenges.filter_map(|(scheme, parameters)| understood(&scheme, parameters)).max_by_key(|c| c.hash)
}

type Parameters = Vec<(String, String)>;

fn understood(scheme: &str, parameters: Parameters) -> Option<Challenge> {
    if !scheme.eq_ignore_ascii_case("digest") {
        return None;
    }
    let find =
        |name: &str| parameters.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.clone());
    let algorithm = find("algorithm");
    let (hash, session) = match algorithm.as_deref().map(str::to_ascii_lowercase).as_deref() {
        None | Some("md5") => (Hash::Md5, false),
        Some("md5-sess") => (Hash::Md5, true),
        Some("sha-256") => (Hash::Sha256, false),
        Some("sha-256-sess") => (Hash::Sha256, true),
        Some(_) => return None,
    };
    let quality = match find("qop") {
        None => Quality::None,
        Some(offered) => {
            let offers = |wanted: &str| offered.split(',').any(|q| q.trim().eq_ignore_ascii_case(wanted));
            if offers("auth") {
                Quality::Auth
            } else if offers("auth-int") {
                Quality::AuthInt
            } else {
                return None;
            }
        }
    };
    let is_true = |name: &str| find(name).is_some_and(|value| value.eq_ignore_ascii_case("true"));
    Some(Challenge {
        realm: find("realm")?,
        nonce: find("nonce")?,
        opaque: find("opaque"),
        algorithm,
        hash,
        session,
        quality,
        hide_user: is_true("userhash"),
        stale: is_true("stale"),
    })
}

/// Splits a `WWW-Authenticate` header into its schemes (RFC 9110, 11.6.1); several may share one header.
fn schemes(text: &str) -> Vec<(String, Parameters)> {
    let mut found: Vec<(String, Parameters)> = Vec::new();
    let mut rest = text;
    for _ in 0..PARAMETERS_MAX {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if rest.is_empty() {
            break;
        }
        let end = rest.find([' ', '\t', ',', '=']).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let value = after.trim_start_matches([' ', '\t']).strip_prefix('=');
        match (value, found.last_mut()) {
            (Some(value), Some((_, parameters))) => {
                let (value, after) = parameter_value(value.trim_start_matches([' ', '\t']));
                parameters.push((word.to_owned(), value));
                rest = after;
            }
            (Some(value), None) => rest = value,
            (None, _) => {
                found.push((word.to_owned(), Vec::new()));
                rest = after;
            }
        }
    }
    found
}

fn parameter_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([' ', '\t', ',']).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            _ => value.push(character),
        }
    }
    (value, "")
}

/// The `Authorization` header that answers a challenge. `count` is how often its nonce has been used, this time
/// included; `cnonce` is a fresh random text.
pub(crate) fn answer(
    challenge: &Challenge,
    login: &Login,
    request: &Signed<'_>,
    count: u32,
    cnonce: &str,
) -> String {
    let c = challenge;
    let hash = |text: String| c.hash.of(text.as_bytes());
    let (user, realm, nonce) = (&login.username, &c.realm, &c.nonce);
    let mut a1 = hash(format!("{user}:{realm}:{}", login.password));
    if c.session {
        a1 = hash(format!("{a1}:{nonce}:{cnonce}"));
    }
    let (method, uri) = (request.method, request.uri);
    let a2 = match c.quality {
        Quality::AuthInt => hash(format!("{method}:{uri}:{}", c.hash.of(request.body))),
        Quality::None | Quality::Auth => hash(format!("{method}:{uri}")),
    };
    let qop = match c.quality {
        Quality::None => None,
        Quality::Auth => Some("auth"),
        Quality::AuthInt => Some("auth-int"),
    };
    let response = match qop {
        None => hash(format!("{a1}:{nonce}:{a2}")),
        Some(qop) => hash(format!("{a1}:{nonce}:{count:08x}:{cnonce}:{qop}:{a2}")),
    };
    let user = if c.hide_user { hash(format!("{user}:{realm}")) } else { user.clone() };
    let mut text = format!(
        "Digest username={}, realm={}, nonce={}, uri={}, response=\"{response}\"",
        quoted(&user),
        quoted(realm),
        quoted(nonce),
        quoted(uri)
    );
    let mut add = |part: String| {
        text.push_str(", ");
        text.push_str(&part);
    };
    if let Some(algorithm) = &c.algorithm {
        add(format!("algorithm={algorithm}"));
    }
    if let Some(opaque) = &c.opaque {
        add(format!("opaque={}", quoted(opaque)));
    }
    if let Some(qop) = qop {
        add(format!("qop={qop}, nc={count:08x}, cnonce=\"{cnonce}\""));
    } else if c.session {
        add(format!("cnonce=\"{cnonce}\""));
    }
    if c.hide_user {
        add("userhash=true".to_owned());
    }
    text
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The challenges that peers gave, so that the next request answers at once instead of being refused first.
#[derive(Default)]
pub(crate) struct Challenges {
    newest_last: Mutex<VecDeque<(String, Challenge, u32)>>,
}

impl Challenges {
    /// The challenge of an origin and user, and how often its nonce has been used with this time.
    pub(crate) fn next(&self, origin: &str, user: &str) -> Option<(Challenge, u32)> {
        let key = format!("{origin} {user}");
        let mut held = self.newest_last.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, challenge, count) = held.iter_mut().find(|(k, ..)| *k == key)?;
        *count = count.saturating_add(1);
        Some((challenge.clone(), *count))
    }

    /// Remembers a challenge that has been used once.
    pub(crate) fn keep(&self, origin: &str, user: &str, challenge: Challenge) {
        let key = format!("{origin} {user}");
        let mut held = self.newest_last.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|(k, ..)| *k != key);
        if held.len() >= REMEMBERED_MAX {
            held.pop_front();
        }
        held.push_back((key, challenge, 1));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use reqwest::header::HeaderValue;

    use super::*;

    fn asked(text: &str) -> Option<Challenge> {
        let mut headers = HeaderMap::new();
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_bytes(text.as_bytes()).ok()?);
        challenge(&headers)
    }

    fn answered(text: &str, login: (&str, &str), cnonce: &str) -> String {
        let login = Login { username: login.0.to_owned(), password: login.1.to_owned() };
        let request = Signed { method: "GET", uri: "/dir/index.html", body: b"" };
        answer(&asked(text).expect("a challenge"), &login, &request, 1, cnonce)
    }

    const RFC7616: &str = r#"realm="http-auth@example.org", qop="auth, auth-int", nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS""#;
    const CNONCE: &str = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";

    #[test]
    fn the_examples_of_the_standards_come_out() {
        let login = ("Mufasa", "Circle of Life");
        // RFC 7616, 3.9.1.
        for (algorithm, response) in [
            ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
            ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ] {
            let text = answered(&format!("Digest {RFC7616}, algorithm={algorithm}"), login, CNONCE);
            assert!(text.contains(&format!("response=\"{response}\"")), "{algorithm}: {text}");
            assert!(text.contains("qop=auth, nc=00000001"), "{text}");
        }
        // RFC 2617, 3.5.
        let older = r#"Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41""#;
        let text = answered(older, ("Mufasa", "Circle Of Life"), "0a4f113b");
        assert!(text.contains("response=\"6629fae49393a05397450978507c4ef1\""), "{text}");
        // RFC 2069, 2.4, with the correction of its erratum 749.
        let oldest = r#"Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41""#;
        let text = answered(oldest, ("Mufasa", "CircleOfLife"), "unused");
        assert!(text.contains("response=\"1949323746fe6a43ef61f9606e7febea\""), "{text}");
        assert!(!text.contains("cnonce") && !text.contains("qop"), "{text}");
    }

    #[test]
    fn the_strongest_is_taken_among_several() {
        let several = r#"Basic realm="b, \"c\"", Digest realm="d", nonce=n1, algorithm=MD5, qop=auth , Negotiate abc==,Digest realm="d", nonce="n2", algorithm=SHA-256, qop="auth", userhash=true, stale=TRUE, Digest realm=x, nonce=n3, algorithm=SHA-512-256"#;
        let taken = asked(several).expect("one");
        assert_eq!(
            (taken.nonce.as_str(), taken.hash, taken.hide_user, taken.is_stale()),
            ("n2", Hash::Sha256, true, true)
        );
        assert_eq!(asked("Basic realm=x"), None);
        assert_eq!(asked("Digest realm=x, nonce=n, qop=\"other\""), None);
    }

    #[test]
    fn names_that_could_end_a_quote_do_not() {
        let text = answered(r#"Digest realm="a\"b", nonce="n""#, (r#"u", uri="/x"#, "p"), "c");
        assert!(text.contains(r#"username="u\", uri=\"/x", realm="a\"b""#), "{text}");
    }

    proptest! {
        #[test]
        fn any_header_is_read_without_harm(text in "([a-zA-Z]+|[ ,=\"\\\\]|Digest |nonce=|realm=\"|.){0,40}") {
            let _anything = asked(&text);
        }
    }
}
