//! The identity provider's keys, fetched and kept.
//!
//! A key that is known is used without asking again until the set is [`FRESH`] old; then the next
//! request fetches it, and where that fails the old set serves up to [`STALE`]. A key that is not
//! known has the set fetched at once, since providers rotate their keys, but at most once in
//! [`REFETCH`], so that tokens with invented key ids cannot be turned against the provider.

use super::keys::Key;
use super::{AuthError, KeyError};
use jsonwebtoken::jwk::Jwk;
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How old a set of keys may be before it is fetched again.
const FRESH: Duration = Duration::from_secs(600);
/// How old it may be while it cannot be fetched.
const STALE: Duration = Duration::from_secs(3600);
/// The least time between two fetches for the sake of unknown keys, and after a failure.
const REFETCH: Duration = Duration::from_secs(10);
/// How long one fetch may take.
const FETCH_TIMEOUT: Duration = Duration::from_secs(3);
/// The largest set of keys in bytes.
const SET_BYTES_MAX: usize = 256 * 1024;

/// A key set behind a URL.
pub struct Jwks {
    url: reqwest::Url,
    client: reqwest::Client,
    held: RwLock<Held>,
    fetching: Mutex<Attempts>,
}

#[derive(Default)]
struct Held {
    keys: HashMap<String, Key>,
    fetched_at: Option<Instant>,
}

/// When fetches were last tried for a reason that repeats.
#[derive(Default)]
struct Attempts {
    unknown_at: Option<Instant>,
    failed_at: Option<Instant>,
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<Value>,
}

impl Jwks {
    /// The key set at `url`: https, or http on this machine.
    ///
    /// # Errors
    /// When the address is neither, or no client can be made.
    pub fn new(url: &str) -> Result<Self, AuthError> {
        let url = reqwest::Url::parse(url).map_err(|_| AuthError::JwksUrl)?;
        let local = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        if url.scheme() != "https" && !(url.scheme() == "http" && local) {
            return Err(AuthError::JwksUrl);
        }
        let client = reqwest::Client::builder()
            .timeout(FETCH_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(AuthError::Client)?;
        Ok(Self { url, client, held: RwLock::default(), fetching: Mutex::default() })
    }

    /// The key of that id.
    pub async fn key(&self, kid: &str) -> Result<Key, KeyError> {
        if let (Some(key), true) = self.look(kid, FRESH) {
            return Ok(key);
        }
        let mut attempts = self.fetching.lock().await;
        // Another request may have fetched while this one waited.
        let (key, fresh) = self.look(kid, FRESH);
        if let (Some(key), true) = (&key, fresh) {
            return Ok(key.clone());
        }
        if self.may_fetch(&mut attempts, fresh) {
            match self.fetch().await {
                Ok(keys) => self.hold(keys),
                Err(error) => {
                    attempts.failed_at = Some(Instant::now());
                    tracing::warn!(error = %error, url = %self.url, "the identity provider's keys cannot be read");
                }
            }
        }
        match self.look(kid, STALE) {
            (Some(key), true) => Ok(key),
            (None, true) => Err(KeyError::Unknown),
            (_, false) => Err(KeyError::Away),
        }
    }

    /// Whether to ask now. `fresh` says that the set is, so that only an unknown key is the reason.
    fn may_fetch(&self, attempts: &mut Attempts, fresh: bool) -> bool {
        let recent = |at: Option<Instant>| at.is_some_and(|at| at.elapsed() < REFETCH);
        if recent(attempts.failed_at) {
            return false;
        }
        if fresh && recent(attempts.unknown_at) {
            return false;
        }
        if fresh {
            attempts.unknown_at = Some(Instant::now());
        }
        true
    }

    /// The key, and whether the set is younger than `age_max`.
    fn look(&self, kid: &str, age_max: Duration) -> (Option<Key>, bool) {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let young = held.fetched_at.is_some_and(|at| at.elapsed() < age_max);
        (held.keys.get(kid).cloned(), young)
    }

    fn hold(&self, keys: HashMap<String, Key>) {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        *held = Held { keys, fetched_at: Some(Instant::now()) };
    }

    async fn fetch(&self) -> Result<HashMap<String, Key>, FetchError> {
        let mut answer = self.client.get(self.url.clone()).send().await?.error_for_status()?;
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > SET_BYTES_MAX {
                return Err(FetchError::TooLarge);
            }
        }
        let set: Set = serde_json::from_slice(&bytes)?;
        // Keys of kinds that this library does not know are passed over, not an error of the set.
        let known = set.keys.into_iter().filter_map(|key| serde_json::from_value::<Jwk>(key).ok());
        let keys: HashMap<_, _> = known.filter_map(|jwk| Key::from_jwk(&jwk)).collect();
        if keys.is_empty() { Err(FetchError::NoKeys) } else { Ok(keys) }
    }
}

#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("the request failed")]
    Http(#[from] reqwest::Error),
    #[error("the answer is not a key set")]
    Json(#[from] serde_json::Error),
    #[error("the key set is larger than {SET_BYTES_MAX} bytes")]
    TooLarge,
    #[error("the set holds no key for EdDSA, RS256 or ES256 signatures")]
    NoKeys,
}
