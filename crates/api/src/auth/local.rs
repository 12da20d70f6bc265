//! The development stack's own issuer of tokens. It cannot be made outside development.

use super::keys::Key;
use super::{AuthError, Role};
use crate::Environment;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use overround_domain::time::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fmt;

/// Signs tokens with an Ed25519 key of its own, for demonstrations and tests.
#[derive(Clone)]
pub struct LocalIssuer {
    issuer: String,
    audience: String,
    kid: String,
    pkcs8: Vec<u8>,
    public: Vec<u8>,
}

impl LocalIssuer {
    /// An issuer with a new key, whose tokens name `issuer` and `audience`.
    ///
    /// # Errors
    /// Outside development, or when the system has no random numbers.
    pub fn generate(environment: Environment, issuer: &str, audience: &str) -> Result<Self, AuthError> {
        let key = Ed25519KeyPair::generate().map_err(|_| AuthError::Key("no key could be made"))?;
        let document = key.to_pkcs8().map_err(|_| AuthError::Key("the new key could not be written"))?;
        Self::from_pkcs8(environment, issuer, audience, document.as_ref())
    }

    /// An issuer with a key that was kept, as [`to_pkcs8`](Self::to_pkcs8) gave it.
    ///
    /// # Errors
    /// Outside development, or when the bytes are no Ed25519 key.
    pub fn from_pkcs8(
        environment: Environment,
        issuer: &str,
        audience: &str,
        pkcs8: &[u8],
    ) -> Result<Self, AuthError> {
        if environment != Environment::Development {
            return Err(AuthError::NotInDevelopment);
        }
        let key = Ed25519KeyPair::from_pkcs8(pkcs8)
            .map_err(|_| AuthError::Key("the local issuer's key is not an Ed25519 key in PKCS #8"))?;
        let public = key.public_key().as_ref().to_vec();
        let thumbprint = URL_SAFE_NO_PAD.encode(Sha256::digest(&public));
        Ok(Self {
            issuer: issuer.to_owned(),
            audience: audience.to_owned(),
            kid: thumbprint.chars().take(16).collect(),
            pkcs8: pkcs8.to_vec(),
            public,
        })
    }

    /// The private key in PKCS #8, to be kept where only the owner can read it.
    pub fn to_pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    /// A token for `subject`, good for `ttl_s` seconds from `now`.
    ///
    /// # Errors
    /// When the key cannot sign, which would be a defect.
    pub fn sign(
        &self,
        subject: &str,
        roles: &[Role],
        ttl_s: u32,
        now: Timestamp,
    ) -> Result<String, AuthError> {
        let issued_at = now.millis().div_euclid(1000);
        self.sign_claims(&json!({
            "iss": self.issuer,
            "aud": self.audience,
            "sub": subject,
            "iat": issued_at,
            "exp": issued_at + i64::from(ttl_s),
            "roles": roles.iter().map(|role| role.as_str()).collect::<Vec<_>>(),
        }))
    }

    /// A token of any claims, for tests of what is refused.
    ///
    /// # Errors
    /// When the key cannot sign, which would be a defect.
    pub fn sign_claims(&self, claims: &Value) -> Result<String, AuthError> {
        let header = Header { kid: Some(self.kid.clone()), ..Header::new(Algorithm::EdDSA) };
        jsonwebtoken::encode(&header, claims, &EncodingKey::from_ed_der(&self.pkcs8))
            .map_err(|_| AuthError::Key("the local issuer's key cannot sign"))
    }

    /// The public key as a JSON Web Key Set (RFC 7517).
    pub fn jwks(&self) -> Value {
        json!({ "keys": [{
            "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA",
            "kid": self.kid, "x": URL_SAFE_NO_PAD.encode(&self.public),
        }] })
    }

    pub(super) fn key(&self, kid: &str) -> Option<Key> {
        let decoding = DecodingKey::from_ed_der(&self.public);
        (kid == self.kid).then_some(Key { algorithm: Algorithm::EdDSA, decoding })
    }
}

/// Without the private key.
impl fmt::Debug for LocalIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalIssuer").field("issuer", &self.issuer).field("kid", &self.kid).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_exists_in_development_only() {
        let made = LocalIssuer::generate(Environment::Production, "iss", "aud");
        assert!(matches!(made, Err(AuthError::NotInDevelopment)));
        let kept = LocalIssuer::generate(Environment::Development, "iss", "aud").unwrap();
        let again = LocalIssuer::from_pkcs8(Environment::Production, "iss", "aud", kept.to_pkcs8());
        assert!(matches!(again, Err(AuthError::NotInDevelopment)));
    }

    #[test]
    fn a_kept_key_is_the_same_key() {
        let first = LocalIssuer::generate(Environment::Development, "iss", "aud").unwrap();
        let again =
            LocalIssuer::from_pkcs8(Environment::Development, "iss", "aud", first.to_pkcs8()).unwrap();
        assert_eq!(first.jwks(), again.jwks());
        assert!(LocalIssuer::from_pkcs8(Environment::Development, "iss", "aud", b"no key").is_err());
    }
}
