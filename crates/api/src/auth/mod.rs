//! Who is asking, and what they may reach.
//!
//! Bearer tokens (JWT, RFC 7519) of one issuer for one audience, signed with EdDSA, RS256 or ES256.
//! A token's times are checked by the system's clock, also while a recording is played.

mod access;
mod caller;
mod guard;
mod jwks;
mod keys;
mod local;
mod role;
#[cfg(test)]
mod tests;

pub use access::{Access, ROUTES, RouteRule};
pub use caller::{Caller, user_id_of};
pub use guard::{Gate, guard, route_label};
pub use local::LocalIssuer;
pub use role::{Role, UnknownRole};

use crate::ApiSettings;
use crate::problem::Problem;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use jsonwebtoken::Validation;
use jsonwebtoken::errors::ErrorKind;
use jwks::Jwks;
use keys::Key;
use quick_cache::sync::Cache;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// How far clocks may be apart, in seconds.
const LEEWAY_S: u64 = 30;
/// The longest token in bytes, and the longest subject in it.
const TOKEN_BYTES_MAX: usize = 8192;
const SUBJECT_BYTES_MAX: usize = 255;

/// How many checked tokens are remembered.
const TOKENS_REMEMBERED_MAX: usize = 50_000;

/// Why authentication cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// The local issuer was asked for outside development.
    #[error(
        "the local issuer signs tokens for anybody and exists in development only; \
         name the identity provider's key set instead"
    )]
    NotInDevelopment,
    /// A key cannot be made, read or used.
    #[error("{0}")]
    Key(&'static str),
    /// The key set's address is not https (http is taken on this machine only).
    #[error("the key set's address is a URL with https, or with http on this machine")]
    JwksUrl,
    /// No HTTP client can be made.
    #[error("no HTTP client for the key set")]
    Client(#[source] reqwest::Error),
}

/// Where the keys come from that tokens are checked with.
#[derive(Debug, Clone)]
pub enum Keys {
    /// The development stack's own issuer.
    Local(LocalIssuer),
    /// The identity provider's key set (RFC 7517).
    Jwks {
        /// Its address.
        url: String,
    },
}

/// Checks tokens. Cheap to clone.
#[derive(Clone)]
pub struct Auth {
    inner: Arc<Inner>,
}

struct Inner {
    issuer: String,
    audience: String,
    source: Source,
    verified: Cache<[u8; 32], Verified>,
}

/// A token that was checked, by its SHA-256: a signature costs more than the rest of a request. The key
/// must still be the issuer's, and the token's time must not be over, whenever it comes again.
#[derive(Clone)]
struct Verified {
    caller: Caller,
    kid: Arc<str>,
    expires_at_s: u64,
}

enum Source {
    Local(LocalIssuer),
    Jwks(Box<Jwks>),
}

/// Why there is no key to check a token with.
enum KeyError {
    /// The provider has no such key.
    Unknown,
    /// The provider cannot be asked.
    Away,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: u64,
    #[serde(default)]
    roles: Vec<String>,
    /// The client that the token was given to (RFC 9068); of a machine client it is the subject too.
    #[serde(default)]
    client_id: Option<String>,
}

impl Auth {
    /// Takes tokens of the settings' issuer and audience, signed with these keys.
    ///
    /// # Errors
    /// When the key set's address is not safe to use.
    pub fn new(settings: &ApiSettings, keys: Keys) -> Result<Self, AuthError> {
        let source = match keys {
            Keys::Local(local) => Source::Local(local),
            Keys::Jwks { url } => Source::Jwks(Box::new(Jwks::new(&url)?)),
        };
        let (issuer, audience) = (settings.issuer.clone(), settings.audience.clone());
        let verified = Cache::new(TOKENS_REMEMBERED_MAX);
        Ok(Self { inner: Arc::new(Inner { issuer, audience, source, verified }) })
    }

    /// The caller that the request's token names.
    pub(crate) async fn authenticate(&self, headers: &HeaderMap) -> Result<Caller, Problem> {
        let token = bearer(headers)?;
        let now_s = jsonwebtoken::get_current_timestamp();
        let digest: [u8; 32] = Sha256::digest(token).into();
        if let Some(known) = self.inner.verified.get(&digest)
            && now_s <= known.expires_at_s.saturating_add(LEEWAY_S)
        {
            self.key(&known.kid).await?;
            return Ok(known.caller);
        }
        let (caller, kid, expires_at_s) = self.verify(token).await?;
        let caller = caller.until(expires_at_s.saturating_add(LEEWAY_S));
        let verified = Verified { caller: caller.clone(), kid: kid.into(), expires_at_s };
        self.inner.verified.insert(digest, verified);
        Ok(caller)
    }

    /// The caller of a token, its key's id, and when it ends.
    async fn verify(&self, token: &str) -> Result<(Caller, String, u64), Problem> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| invalid("it is not a signed JWT"))?;
        if header.crit.is_some() {
            return Err(invalid("its header makes an extension critical that is not known here"));
        }
        let kid = header.kid.ok_or_else(|| invalid("its header names no key (kid)"))?;
        let key = self.key(&kid).await?;
        let mut validation = Validation::new(key.algorithm);
        validation.leeway = LEEWAY_S;
        validation.validate_nbf = true;
        validation.set_issuer(&[&self.inner.issuer]);
        validation.set_audience(&[&self.inner.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        let claims = jsonwebtoken::decode::<Claims>(token, &key.decoding, &validation)
            .map_err(|error| invalid(reason(error.kind())))?
            .claims;
        if claims.sub.is_empty() || claims.sub.len() > SUBJECT_BYTES_MAX {
            return Err(invalid("its subject is empty or too long"));
        }
        // A role that is not known here grants nothing.
        let roles = claims.roles.iter().filter_map(|role| role.parse().ok()).collect();
        let is_machine = claims.client_id.as_deref() == Some(&claims.sub);
        let caller = Caller::new(&self.inner.issuer, &claims.sub, roles).being_machine(is_machine);
        Ok((caller, kid, claims.exp))
    }

    async fn key(&self, kid: &str) -> Result<Key, Problem> {
        let found = match &self.inner.source {
            Source::Local(local) => local.key(kid).ok_or(KeyError::Unknown),
            Source::Jwks(jwks) => jwks.key(kid).await,
        };
        found.map_err(|error| match error {
            KeyError::Unknown => invalid("the issuer has no such key (kid)"),
            KeyError::Away => Problem::unavailable(vec!["identity"], 5),
        })
    }
}

/// The token of the Authorization header (RFC 6750).
fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let missing = || Problem::unauthenticated(None, "send a token: Authorization: Bearer ...");
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next().ok_or_else(missing)?;
    if values.next().is_some() {
        return Err(invalid("there is more than one Authorization header"));
    }
    let text = value.to_str().map_err(|_| missing())?;
    let (scheme, token) = text.split_once(' ').ok_or_else(missing)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(missing());
    }
    if token.len() > TOKEN_BYTES_MAX {
        return Err(invalid("it is too long"));
    }
    Ok(token.trim())
}

fn invalid(why: &str) -> Problem {
    Problem::unauthenticated(Some("invalid_token"), format!("the token does not hold: {why}"))
}

fn reason(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::ExpiredSignature => "it has expired; get a new one",
        ErrorKind::ImmatureSignature => "it is not valid yet",
        ErrorKind::InvalidIssuer => "it is of another issuer",
        ErrorKind::InvalidAudience => "it is for another audience",
        ErrorKind::InvalidAlgorithm => "its key is not used with that algorithm",
        ErrorKind::InvalidSignature => "its signature is wrong",
        ErrorKind::MissingRequiredClaim(_) => "it lacks one of exp, iss, aud and sub",
        _ => "it cannot be read",
    }
}
