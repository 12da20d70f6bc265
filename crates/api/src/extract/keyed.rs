//! Writes: a JSON body and what makes it safe to repeat.

use super::body;
use crate::digest::request_hash;
use crate::observe::{Deadline, TraceId};
use crate::problem::{FieldError, IDEMPOTENCY_KEY_INVALID, IDEMPOTENCY_KEY_REQUIRED, Problem};
use crate::state::ApiState;
use axum::RequestPartsExt;
use axum::extract::{FromRequest, MatchedPath, RawPathParams, Request};
use http::HeaderMap;
use overround_app::Keyed;
use serde::de::DeserializeOwned;

/// The header that makes a write safe to repeat.
const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// The longest key.
pub const KEY_LEN_MAX: usize = 255;
/// What a key is made of, as a regular expression: visible ASCII characters.
pub const KEY_PATTERN: &str = "^[!-~]+$";

/// The body of a write, and its key, hash, trace id and deadline.
pub struct KeyedJson<T> {
    /// What makes it safe to repeat.
    pub keyed: Keyed,
    /// The body.
    pub body: T,
}

impl<T: DeserializeOwned> FromRequest<ApiState> for KeyedJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &ApiState) -> Result<Self, Problem> {
        let (mut parts, content) = request.into_parts();
        let key = key(&parts.headers)?;
        body::check_content_type(&parts.headers)?;
        let deadline = Deadline::of(&parts.extensions, &state.settings);
        let trace_id = TraceId::of(&parts.extensions);
        let path = parts.extract::<MatchedPath>().await.map_err(|_| Problem::internal())?;
        let ids = parts.extract::<RawPathParams>().await.map_err(|_| Problem::internal())?;
        let ids: Vec<String> = ids.iter().map(|(_, value)| value.to_owned()).collect();
        let bytes_max = state.settings.body_bytes_max;
        let bytes = body::read(content, bytes_max, bytes_max, deadline).await?;
        let (body, plain) = body::parse(&bytes)?;
        let request_hash = request_hash(parts.method.as_str(), path.as_str(), &ids, &plain)?;
        Ok(Self { keyed: Keyed { key, request_hash, trace_id, deadline: deadline.0 }, body })
    }
}

fn key(headers: &HeaderMap) -> Result<String, Problem> {
    let invalid = |detail: &str| {
        Problem::invalid(IDEMPOTENCY_KEY_INVALID, FieldError::parameter("Idempotency-Key", detail))
    };
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let value = values.next().ok_or_else(|| {
        let detail = "a write takes this header, so that it can be sent again safely";
        Problem::invalid(IDEMPOTENCY_KEY_REQUIRED, FieldError::parameter("Idempotency-Key", detail))
    })?;
    if values.next().is_some() {
        return Err(invalid("it is given more than once"));
    }
    let visible = value.as_bytes().iter().all(u8::is_ascii_graphic);
    match value.to_str() {
        Ok(key) if visible && (1..=KEY_LEN_MAX).contains(&key.len()) => Ok(key.to_owned()),
        _ => Err(invalid("a key is 1 to 255 visible ASCII characters")),
    }
}
