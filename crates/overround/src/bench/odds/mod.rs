//! Benchmarks of the odds cache: reading markets, writing them, and loading one that ran out.

mod expiry;
mod provider;
mod read;
mod write;

pub use expiry::expiry;
pub use read::read;
pub use write::write;

use crate::failure::Failure;
use chrono::Utc;
use http::HeaderValue;
use overround_api::{LocalIssuer, Role};

/// How long tokens are good, in seconds.
const TOKEN_S: u32 = 86_400;

/// What the `Authorization` of so many readers says, each a player of its own.
///
/// # Errors
/// When no tokens can be signed.
pub fn bearers(issuer: &LocalIssuer, readers: u32) -> Result<Vec<HeaderValue>, Failure> {
    let now = Utc::now().into();
    let unusable = |error: &dyn std::fmt::Display| {
        Failure::failed(error, "delete the issuer's key from the state folder; a new one is made")
    };
    let bearer = |index| {
        let token = issuer.sign(&format!("reader-{index}"), &[Role::Player], TOKEN_S, now);
        let token = token.map_err(|error| unusable(&error))?;
        HeaderValue::try_from(format!("Bearer {token}")).map_err(|error| unusable(&error))
    };
    (0..readers).map(bearer).collect()
}
