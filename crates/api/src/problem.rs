//! The one place that turns errors into HTTP: `application/problem+json` (RFC 9457).
//!
//! Whatever goes wrong becomes a [`Problem`]. As a response it travels as an extension, and
//! [`render`] makes its body at the outermost layer, where trace id and path are known. A kept
//! refusal brings the trace id of the request that was refused first, so that a replay's body is
//! the first one byte for byte.

mod body;

pub use body::{FieldError, ProblemBody, title};

use crate::feeds::FEED_SIGNATURE;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, StatusCode};
use overround_app::{Error as AppError, KeptRefusal};
use overround_domain::betting::{Refusal, RefusalCode};
use std::borrow::Cow;

/// Says that the answer is that of an earlier request with the same key.
pub const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// A code of the API itself, with its status. Refusals bring the domain's codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// The code on the wire.
    pub name: &'static str,
    /// Its HTTP status.
    pub status: u16,
    /// What it means, for the documentation.
    pub meaning: &'static str,
}

macro_rules! codes {
    ($($name:ident $status:literal $meaning:literal;)*) => {
        $(#[doc = $meaning] pub const $name: Code =
            Code { name: stringify!($name), status: $status, meaning: $meaning };)*
    };
}

codes! {
    INVALID_BODY 400 "The body is not the JSON that the route takes; errors[] says where.";
    INVALID_PATH 400 "An id in the path is not one of its kind.";
    INVALID_QUERY 400 "A query parameter is unknown, repeated or not of its form.";
    INVALID_CURSOR 400 "The cursor was not given out by this list.";
    IDEMPOTENCY_KEY_REQUIRED 400 "A write without Idempotency-Key.";
    IDEMPOTENCY_KEY_INVALID 400 "The Idempotency-Key is not 1 to 255 visible characters, or came twice.";
    UNPROVEN 401 "The request does not prove the feed's secret, or this server takes no such feed.";
    UNAUTHENTICATED 401 "No bearer token, or one that does not hold.";
    FORBIDDEN 403 "The caller's roles do not reach this route.";
    NOT_FOUND 404 "There is no such thing, or it is not the caller's.";
    METHOD_NOT_ALLOWED 405 "The path exists and does not take this method.";
    REQUEST_TIMEOUT 408 "The body did not arrive in time.";
    ACCOUNT_EXISTS 409 "The user has an account in this currency, or the account a wallet of this kind.";
    ILLEGAL_TRANSITION 409 "The market's status does not allow this act.";
    ALREADY_HEARD 409 "The producer said this, or something newer, before; nothing was changed.";
    PRODUCER_TAKEN 409 "Another process hears this producer, or another of its source: send its messages there.";
    VERSION_NOT_REACHED 409 "The market has not reached min_version.";
    BODY_TOO_LARGE 413 "The body is larger than the server takes.";
    UNSUPPORTED_MEDIA_TYPE 415 "The body's Content-Type is not application/json.";
    MESSAGE_UNSUPPORTED 422 "A message of the feed that the house does not act upon; nothing was changed.";
    OTHER_PRODUCER 422 "The message is of another producer than the path says.";
    UPGRADE_REQUIRED 426 "The route is a WebSocket or Server-Sent Events, and the request asks for neither.";
    TOO_MANY_CONNECTIONS 429 "The user has as many streams open as they may.";
    RATE_LIMITED 429 "The caller, or the address, sends more than it may; violated_policies says by which limit.";
    INTERNAL 500 "A defect; the operator finds it by the trace_id.";
    UNAVAILABLE 503 "A datastore is away, a lane is full or the time ran out; send the same request again.";
}

/// What went wrong, on its way to the caller.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: Cow<'static, str>,
    errors: Vec<FieldError>,
    refusal: Option<Box<Refusal>>,
    unavailable: Vec<&'static str>,
    violated_policies: Vec<String>,
    trace_id: Option<String>,
    replayed: bool,
    header: Option<(HeaderName, HeaderValue)>,
    proof: Option<Box<HeaderValue>>,
}

impl Problem {
    /// A problem of that code; `detail` says what happened, to what, and what to do.
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status: StatusCode::from_u16(code.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            code: code.name,
            detail: detail.into(),
            errors: Vec::new(),
            refusal: None,
            unavailable: Vec::new(),
            violated_policies: Vec::new(),
            trace_id: None,
            replayed: false,
            header: None,
            proof: None,
        }
    }

    /// Its HTTP status.
    pub const fn status(&self) -> u16 {
        self.status.as_u16()
    }

    /// The problem with the house's proof of a feed's secret.
    pub fn with_proof(self, proof: Option<HeaderValue>) -> Self {
        Self { proof: proof.map(Box::new), ..self }
    }

    /// Bad input at one place.
    pub fn invalid(code: Code, error: FieldError) -> Self {
        let detail = error.to_string();
        Self { errors: vec![error], ..Self::new(code, detail) }
    }

    /// Who is asking is not known. `error` is RFC 6750's, none when there was no token at all.
    pub fn unauthenticated(error: Option<&'static str>, detail: impl Into<Cow<'static, str>>) -> Self {
        let challenge = match error {
            Some(error) => format!("Bearer error=\"{error}\""),
            None => "Bearer".to_owned(),
        };
        Self { header: header(WWW_AUTHENTICATE, &challenge), ..Self::new(UNAUTHENTICATED, detail) }
    }

    /// The path takes other methods: `allow`, as the header wants them.
    pub fn method_not_allowed(allow: &str) -> Self {
        let detail = format!("this path takes {allow}");
        Self { header: header(ALLOW, allow), ..Self::new(METHOD_NOT_ALLOWED, detail) }
    }

    /// Parts are away; the same request may be sent again after `retry_after_s` seconds.
    pub fn unavailable(parts: Vec<&'static str>, retry_after_s: u32) -> Self {
        let detail = format!("{} away or full; send the same request again", parts.join(" and "));
        Self {
            unavailable: parts,
            header: header(RETRY_AFTER, &retry_after_s.to_string()),
            ..Self::new(UNAVAILABLE, detail)
        }
    }

    /// A limit, called so, takes no more requests for `retry_after_s` seconds.
    pub fn rate_limited(policy: String, retry_after_s: i64) -> Self {
        let detail = format!("too many requests; send this one again after {retry_after_s} s");
        Self {
            violated_policies: vec![policy],
            header: header(RETRY_AFTER, &retry_after_s.to_string()),
            ..Self::new(RATE_LIMITED, detail)
        }
    }

    /// The user has `most` streams open, and may have no more.
    pub fn too_many_connections(most: usize) -> Self {
        let detail = format!("a user has at most {most} streams at a time: close one");
        Self { header: header(RETRY_AFTER, "1"), ..Self::new(TOO_MANY_CONNECTIONS, detail) }
    }

    /// The request took longer than it may. It may have been executed: the key tells.
    pub fn timed_out() -> Self {
        Self {
            header: header(RETRY_AFTER, "1"),
            ..Self::new(
                UNAVAILABLE,
                "the request was not answered in time and may have been executed; \
                 send it again with the same Idempotency-Key",
            )
        }
    }

    /// There is no such thing, or it is not the caller's: one answer for both.
    pub fn not_found(kind: &str, id: impl std::fmt::Display) -> Self {
        Self::new(NOT_FOUND, format!("there is no {kind} {id}"))
    }

    /// A defect. Its cause is logged by who found it, never shown.
    pub fn internal() -> Self {
        Self::new(INTERNAL, "something went wrong on our side; the operator finds it by the trace_id")
    }

    fn refused(kept: KeptRefusal) -> Self {
        let KeptRefusal { refusal, trace_id, replayed } = kept;
        let code = refusal_code(refusal.code);
        Self { trace_id: Some(trace_id), replayed, ..Self::new(code, refusal.message.clone()) }
            .with_refusal(refusal)
    }

    fn with_refusal(self, refusal: Refusal) -> Self {
        Self { refusal: Some(Box::new(refusal)), ..self }
    }

    fn conflict(code: &'static str, detail: String) -> Self {
        Self::new(Code { name: code, status: 409, meaning: "" }, detail)
    }
}

/// The status that a refusal is answered with.
pub fn refusal_code(code: RefusalCode) -> Code {
    let status = match code {
        RefusalCode::UnknownMarket | RefusalCode::UnknownOutcome => 404,
        RefusalCode::NotReversible | RefusalCode::AlreadyReversed => 409,
        _ => 422,
    };
    Code { name: code.as_str(), status, meaning: "" }
}

impl From<AppError> for Problem {
    fn from(error: AppError) -> Self {
        match error {
            AppError::Refused(kept) => Self::refused(*kept),
            AppError::NotFound { kind, id } => Self::not_found(kind, id),
            AppError::Conflict { code, detail } => Self::conflict(code, detail),
            AppError::Invalid { pointer, detail } => {
                Self::invalid(INVALID_BODY, FieldError::at(pointer, detail))
            }
            AppError::Unavailable { part, retry_after_s } => Self::unavailable(vec![part], retry_after_s),
            AppError::Internal(source) => {
                tracing::error!(error = %chain(source.as_ref()), "a use case failed");
                Self::internal()
            }
        }
    }
}

/// An error with all its causes on one line.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    std::iter::successors(Some(error), |error| error.source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

fn header(name: HeaderName, value: &str) -> Option<(HeaderName, HeaderValue)> {
    HeaderValue::from_str(value).ok().map(|value| (name, value))
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status;
        response.extensions_mut().insert(self);
        response
    }
}

/// Gives a failed response its body. An answer that some library made without one of ours, such as
/// a missing file of the documentation page, becomes a problem of its status.
pub fn render(mut response: Response, trace_id: &str, instance: &str) -> Response {
    let problem = match response.extensions_mut().remove::<Problem>() {
        Some(problem) => problem,
        None if response.status().is_client_error() => bare(response.status()),
        None if response.status().is_server_error() => Problem::internal(),
        None => return response,
    };
    let body = ProblemBody::new(&problem, trace_id, instance);
    let bytes = serde_json::to_vec(&body).unwrap_or_default();
    let mut rendered = Response::new(Body::from(bytes));
    *rendered.status_mut() = problem.status;
    let headers = rendered.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    if let Some((name, value)) = problem.header {
        headers.insert(name, value);
    }
    if let Some(proof) = problem.proof {
        headers.insert(HeaderName::from_static(FEED_SIGNATURE), *proof);
    }
    if problem.replayed {
        headers.insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
    }
    rendered
}

fn bare(status: StatusCode) -> Problem {
    match status.as_u16() {
        404 => Problem::new(NOT_FOUND, "there is nothing at this path"),
        413 => Problem::new(BODY_TOO_LARGE, "the body is larger than the server takes"),
        _ => Problem { status, ..Problem::new(INVALID_BODY, "the request is not understood") },
    }
}
