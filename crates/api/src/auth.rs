//! Who asks: local accounts, sessions, one-time tickets and API tokens.
//!
//! Secrets are kept as hashes only: passwords as Argon2id, everything random as SHA-256.

pub mod caller;
pub mod throttle;

use std::collections::HashMap;
use std::sync::Mutex;

use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Argon2, PasswordHash};
use engine::command::Role;
use engine::records::{Record, Records, put};
use model::{Timestamp, TokenId};
use ports::{Expected, Filter, Index, Op, Query};
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use caller::Caller;
use throttle::Throttle;

/// A local account.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct User {
    /// Sign-in name.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Argon2id, PHC string.
    pub password_hash: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A signed-in browser.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Session {
    /// SHA-256 of the cookie, hex.
    pub hash: String,
    /// Whose.
    pub user: String,
    /// Must come with every mutation, in `X-CSRF-Token`.
    pub csrf_token: String,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// An API token, without its secret.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Token {
    /// Its id.
    pub id: TokenId,
    /// What it is for.
    pub name: String,
    /// What it may do through the API; none for tokens that may only send signals.
    pub role: Option<Role>,
    /// Whether it may send signals.
    pub ingest: bool,
    /// SHA-256 of the secret, hex; empty in every answer.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    #[schema(ignore)]
    pub hash: String,
    /// Who made it.
    pub created_by: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends; none for never.
    pub expires_at: Option<Timestamp>,
}

impl Record for User {
    const KIND: &'static str = "user";

    fn key(&self) -> String {
        self.name.clone()
    }

    fn index(&self) -> Vec<(&'static str, Index)> {
        Vec::new()
    }
}

impl Record for Session {
    const KIND: &'static str = "session";

    fn key(&self) -> String {
        self.hash.clone()
    }

    fn index(&self) -> Vec<(&'static str, Index)> {
        vec![("expires_at", Index::Int(self.expires_at.as_unix_ms()))]
    }
}

impl Record for Token {
    const KIND: &'static str = "token";

    fn key(&self) -> String {
        self.id.to_string()
    }

    fn index(&self) -> Vec<(&'static str, Index)> {
        vec![("hash", Index::Text(self.hash.clone()))]
    }
}

/// How long a session lasts.
const SESSION_MS: i64 = 12 * 3_600_000;
/// How long a ticket can be used.
const TICKET_MS: i64 = 15 * 60_000;
/// Argon2 takes 19 MiB each time; more at once is an attack, not a sign-in.
const HASHES_AT_ONCE: usize = 2;
/// Sign-ins that may wait for their turn; further ones are told to come back.
const SIGN_INS_WAITING: usize = 64;
/// Longest sign-in name and password, bytes; no account has longer ones.
const CREDENTIAL_BYTES: usize = 1_024;

/// A new session, with the secrets that only the browser gets. Cannot be printed.
pub struct SignedIn {
    /// The user.
    pub user: User,
    /// For the cookie.
    pub cookie: String,
    /// For the page.
    pub csrf_token: String,
}

/// Why a sign-in was refused.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused {
    /// Name and password, or ticket, do not fit. The name, when there is such an account.
    Wrong(Option<String>),
    /// Too many people sign in at this moment.
    Busy,
    /// Too many failures; try again after this many seconds.
    Throttled(u64),
}

/// Accounts, sessions, tickets and tokens.
pub struct Auth {
    records: Records,
    random: SystemRandom,
    throttle: Throttle,
    tickets: Mutex<HashMap<String, (String, Timestamp)>>,
    hashing: tokio::sync::Semaphore,
    waiting: tokio::sync::Semaphore,
}

impl Auth {
    /// Over these records.
    #[must_use]
    pub fn new(records: Records) -> Self {
        Self {
            records,
            random: SystemRandom::new(),
            throttle: Throttle::default(),
            tickets: Mutex::default(),
            hashing: tokio::sync::Semaphore::new(HASHES_AT_ONCE),
            waiting: tokio::sync::Semaphore::new(SIGN_INS_WAITING),
        }
    }

    /// Makes the first account, `admin`, and returns its password; none when there are accounts already.
    ///
    /// # Errors
    /// The store failed.
    pub async fn bootstrap(&self, now: Timestamp) -> ports::Result<Option<String>> {
        if self.records.store().count(&Query::of(User::KIND)).await? > 0 {
            return Ok(None);
        }
        let password = self.secret(15);
        self.set_user("admin", Role::Admin, &password, now).await?;
        Ok(Some(password))
    }

    /// Makes or replaces an account.
    ///
    /// # Errors
    /// The store failed.
    pub async fn set_user(
        &self,
        name: &str,
        role: Role,
        password: &str,
        now: Timestamp,
    ) -> ports::Result<()> {
        let clear = password.to_owned();
        let _turn = self.turn().await;
        let password_hash = hashed(move || hash_password(&clear)).await?;
        let user = User { name: name.to_owned(), role, password_hash, created_at: now };
        self.records.store().commit(vec![put(&user)]).await.map(drop)
    }

    /// Signs in by name and password.
    ///
    /// # Errors
    /// The store failed.
    pub async fn sign_in(
        &self,
        name: &str,
        password: &str,
        now: Timestamp,
    ) -> ports::Result<Result<SignedIn, Refused>> {
        if name.len() > CREDENTIAL_BYTES || password.len() > CREDENTIAL_BYTES {
            return Ok(Err(Refused::Wrong(None)));
        }
        if let Some(seconds) = self.throttle.wait_s(name, now) {
            return Ok(Err(Refused::Throttled(seconds)));
        }
        let Ok(_place) = self.waiting.try_acquire() else { return Ok(Err(Refused::Busy)) };
        let _turn = self.turn().await;
        // Asked again: of many guesses sent at once, those that waited must feel the failures of the others.
        if let Some(seconds) = self.throttle.wait_s(name, now) {
            return Ok(Err(Refused::Throttled(seconds)));
        }
        let user = self.records.get::<User>(name).await?;
        // An unknown name costs as much time as a wrong password, so that names cannot be guessed by timing.
        let hash = user.as_ref().map_or_else(|| UNKNOWN_USER_HASH.to_owned(), |u| u.password_hash.clone());
        let clear = password.to_owned();
        let fits = hashed(move || Ok(verify_password(&clear, &hash))).await?;
        match user {
            Some(user) if fits => {
                self.throttle.succeeded(name);
                self.open_session(user, now).await.map(Ok)
            }
            user => {
                self.throttle.failed(name, now);
                Ok(Err(Refused::Wrong(user.map(|u| u.name))))
            }
        }
    }

    /// A ticket signs one browser in once, within minutes.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn ticket(&self, user: &str, now: Timestamp) -> String {
        let ticket = self.secret(24);
        let mut tickets = self.tickets.lock().expect("no panic while held");
        tickets.retain(|_, (_, expires_at)| *expires_at > now);
        tickets.insert(digest(&ticket), (user.to_owned(), now.plus_ms(TICKET_MS)));
        ticket
    }

    /// Signs in by ticket.
    ///
    /// # Errors
    /// The store failed.
    ///
    /// # Panics
    /// Never.
    pub async fn redeem(&self, ticket: &str, now: Timestamp) -> ports::Result<Result<SignedIn, Refused>> {
        let known = self.tickets.lock().expect("no panic while held").remove(&digest(ticket));
        match known {
            Some((name, expires_at)) if expires_at > now => match self.records.get::<User>(&name).await? {
                Some(user) => self.open_session(user, now).await.map(Ok),
                None => Ok(Err(Refused::Wrong(None))),
            },
            _ => Ok(Err(Refused::Wrong(None))),
        }
    }

    /// Ends a session.
    ///
    /// # Errors
    /// The store failed.
    pub async fn sign_out(&self, cookie: &str) -> ports::Result<()> {
        let op = Op::Delete { kind: Session::KIND, id: digest(cookie), expected: Expected::Any };
        self.records.store().commit(vec![op]).await.map(drop)
    }

    /// The session behind a cookie, with its user.
    ///
    /// # Errors
    /// The store failed.
    pub async fn session(&self, cookie: &str, now: Timestamp) -> ports::Result<Option<(Session, User)>> {
        let Some(session) = self.records.get::<Session>(&digest(cookie)).await? else { return Ok(None) };
        if session.expires_at <= now {
            return Ok(None);
        }
        Ok(self.records.get::<User>(&session.user).await?.map(|user| (session, user)))
    }

    /// Makes a token; its secret is returned here and nowhere else.
    ///
    /// # Errors
    /// The store failed.
    pub async fn create_token(
        &self,
        name: &str,
        grant: (Option<Role>, bool),
        created_by: &str,
        expires_at: Option<Timestamp>,
        now: Timestamp,
    ) -> ports::Result<(Token, String)> {
        let secret = format!("hs_{}", self.secret(32));
        let token = self.register_token(name, &secret, grant, created_by, expires_at, now).await?;
        Ok((token, secret))
    }

    /// Takes a secret as a token, unless it is one already; it must be as hard to guess as those made here.
    ///
    /// # Errors
    /// The store failed.
    pub async fn register_token(
        &self,
        name: &str,
        secret: &str,
        grant: (Option<Role>, bool),
        created_by: &str,
        expires_at: Option<Timestamp>,
        now: Timestamp,
    ) -> ports::Result<Token> {
        if let Some(known) = self.token(secret, now).await? {
            return Ok(known);
        }
        let hash = digest(secret);
        let token = Token {
            id: TokenId::derive(now, &[&hash]),
            name: name.to_owned(),
            role: grant.0,
            ingest: grant.1,
            hash,
            created_by: created_by.to_owned(),
            created_at: now,
            expires_at,
        };
        self.records.store().commit(vec![put(&token)]).await?;
        Ok(token)
    }

    /// The token behind a secret.
    ///
    /// # Errors
    /// The store failed.
    pub async fn token(&self, secret: &str, now: Timestamp) -> ports::Result<Option<Token>> {
        let hash = Index::Text(digest(secret));
        let query = Query::of(Token::KIND).filter(Filter::In("hash", vec![hash])).limit(1);
        let token = self.records.list::<Token>(&query).await?.items.into_iter().next();
        Ok(token.filter(|t| t.expires_at.is_none_or(|at| at > now)))
    }

    /// Forgets sessions that ended. Called now and then.
    ///
    /// # Errors
    /// The store failed.
    pub async fn sweep(&self, now: Timestamp) -> ports::Result<()> {
        let query = Query::of(Session::KIND)
            .filter(Filter::Below("expires_at", Index::Int(now.as_unix_ms())))
            .limit(1_000);
        let ended = self.records.list::<Session>(&query).await?.items;
        let ops = ended
            .into_iter()
            .map(|s| Op::Delete { kind: Session::KIND, id: s.hash, expected: Expected::Any })
            .collect::<Vec<_>>();
        if ops.is_empty() { Ok(()) } else { self.records.store().commit(ops).await.map(drop) }
    }

    async fn open_session(&self, user: User, now: Timestamp) -> ports::Result<SignedIn> {
        let cookie = self.secret(32);
        let session = Session {
            hash: digest(&cookie),
            user: user.name.clone(),
            csrf_token: self.secret(24),
            expires_at: now.plus_ms(SESSION_MS),
        };
        self.records.store().commit(vec![put(&session)]).await?;
        Ok(SignedIn { user, cookie, csrf_token: session.csrf_token })
    }

    async fn turn(&self) -> tokio::sync::SemaphorePermit<'_> {
        self.hashing.acquire().await.expect("the semaphore is never closed")
    }

    /// A name that nothing had before: 26 random letters and digits.
    #[must_use]
    pub fn nonce(&self) -> String {
        self.secret(26)
    }

    /// `bytes` random bytes in base 32, lower case.
    fn secret(&self, bytes: usize) -> String {
        let mut buffer = vec![0_u8; bytes];
        self.random.fill(&mut buffer).expect("the operating system has randomness");
        let alphabet = b"abcdefghijkmnpqrstuvwxyz23456789";
        buffer.iter().map(|b| char::from(alphabet[usize::from(b & 31)])).collect()
    }
}

async fn hashed<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> ports::Result<T> {
    let result = tokio::task::spawn_blocking(work).await;
    result
        .map_err(|e| ports::Error::failed("hash a password", ports::Retry::Permanent, e))?
        .map_err(ports::Error::Invalid)
}

/// A hash that no password fits.
const UNKNOWN_USER_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn digest(secret: &str) -> String {
    Sha256::digest(secret.as_bytes()).iter().map(|b| format!("{b:02x}")).collect()
}

fn hash_password(password: &str) -> Result<String, String> {
    Argon2::default().hash_password(password.as_bytes()).map(|h| h.to_string()).map_err(|e| e.to_string())
}

fn verify_password(password: &str, hash: &str) -> bool {
    PasswordHash::new(hash)
        .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unknown_user_hash_costs_like_a_real_one_and_fits_nothing() {
        let real = hash_password("x").unwrap();
        let cost = |hash: &str| hash.split('$').nth(3).map(ToOwned::to_owned);
        assert_eq!(cost(&real), cost(UNKNOWN_USER_HASH), "an unknown name must cost the same time");
        assert!(PasswordHash::new(UNKNOWN_USER_HASH).is_ok());
        assert!(!verify_password("x", UNKNOWN_USER_HASH));
        assert!(verify_password("x", &real));
        assert!(!verify_password("y", &real));
    }
}
