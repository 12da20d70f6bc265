//! The keys that tokens may be signed with.

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};

/// A public key and the only algorithm that it is used with: what a token's header says about its
/// algorithm is compared with it, never obeyed.
#[derive(Clone)]
pub struct Key {
    /// EdDSA, RS256 or ES256.
    pub algorithm: Algorithm,
    /// The key.
    pub decoding: DecodingKey,
}

impl Key {
    /// The key of a JSON Web Key with its id; none for keys that are not for signatures, have no id,
    /// or are of a kind that is not taken here. Symmetric keys are never taken.
    pub fn from_jwk(jwk: &Jwk) -> Option<(String, Self)> {
        if !matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature)) {
            return None;
        }
        let (algorithm, name) = match &jwk.algorithm {
            AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
                (Algorithm::EdDSA, KeyAlgorithm::EdDSA)
            }
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
                (Algorithm::ES256, KeyAlgorithm::ES256)
            }
            AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
            _ => return None,
        };
        if jwk.common.key_algorithm.is_some_and(|named| named != name) {
            return None;
        }
        let decoding = DecodingKey::from_jwk(jwk).ok()?;
        Some((jwk.common.key_id.clone()?, Self { algorithm, decoding }))
    }
}
