//! The tags of answers that a reader holds.

use axum::extract::FromRequestParts;
use http::HeaderValue;
use http::header::IF_NONE_MATCH;
use http::request::Parts;
use std::convert::Infallible;

/// The header `If-None-Match`.
pub struct HeldTags(Vec<HeaderValue>);

impl<S: Sync> FromRequestParts<S> for HeldTags {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(parts.headers.get_all(IF_NONE_MATCH).iter().cloned().collect()))
    }
}

impl HeldTags {
    /// Whether the reader holds what a tag stands for (RFC 9110, weak comparison).
    pub fn include(&self, etag: &str) -> bool {
        fn opaque(tag: &str) -> &str {
            tag.trim().trim_start_matches("W/")
        }
        let lists = self.0.iter().filter_map(|value| value.to_str().ok());
        lists.flat_map(|list| list.split(',')).any(|tag| tag.trim() == "*" || opaque(tag) == opaque(etag))
    }
}
