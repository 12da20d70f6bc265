//! The ids in a path.

use crate::problem::{FieldError, INVALID_PATH, Problem};
use axum::extract::path::ErrorKind;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path};
use http::request::Parts;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The typed ids of the path, as the fields of `T`.
pub struct Ids<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Ids<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let texts = Path::<Vec<(String, String)>>::from_request_parts(parts, state).await;
        let Path(texts) = texts.map_err(|rejection| unreadable(&rejection))?;
        // Read as JSON, since axum's own reader does not say which id is wrong.
        let fields = texts.into_iter().map(|(name, text)| (name, Value::String(text))).collect();
        serde_path_to_error::deserialize(Value::Object(fields)).map(Self).map_err(|error| {
            let name = error.path().to_string();
            Problem::invalid(INVALID_PATH, FieldError::parameter(name, error.into_inner().to_string()))
        })
    }
}

fn unreadable(rejection: &PathRejection) -> Problem {
    let PathRejection::FailedToDeserializePathParams(error) = rejection else {
        return Problem::internal();
    };
    let error = match error.kind() {
        ErrorKind::InvalidUtf8InPathParam { key } => FieldError::parameter(key, "this is not UTF-8"),
        other => FieldError::parameter("path", other.to_string()),
    };
    Problem::invalid(INVALID_PATH, error)
}
