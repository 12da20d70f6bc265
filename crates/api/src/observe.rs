//! What happens around every request: its trace id, its deadline, its problem's body, its metrics.

use crate::auth::{Gate, guard, route_label};
use crate::metrics::Answered;
use crate::problem::Problem;
use crate::rate_limits::RateLimitFields;
use crate::{ApiSettings, problem};
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use http::header::CACHE_CONTROL;
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method};
use std::any::Any;
use std::borrow::Cow;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant as Moment};
use tokio::task_local;
use tokio::time::Instant;

/// Tells the caller the request's trace id, also when nothing went wrong.
const TRACE_ID: HeaderName = HeaderName::from_static("trace-id");
/// After the deadline of a request its handler may still answer by itself for so long.
const GRACE: Duration = Duration::from_millis(500);

/// The trace that a request belongs to: 32 hexadecimal digits (W3C Trace Context).
#[derive(Debug, Clone)]
pub struct TraceId(Arc<str>);

/// A request as logs name it.
#[derive(Debug, Clone)]
pub struct RequestNames {
    /// Its trace: 32 hexadecimal digits.
    pub trace_id: Arc<str>,
    /// Its method.
    pub method: &'static str,
    /// Its route, with the names of ids instead of the ids.
    pub route: Cow<'static, str>,
}

task_local! {
    static REQUEST: RequestNames;
}

/// The request that is being handled here, if one is. A span of each request would say the same, and
/// cost a tenth of a read.
pub fn request_names() -> Option<RequestNames> {
    REQUEST.try_with(Clone::clone).ok()
}

/// Does something as a part of a request that is handled here.
pub fn in_request<T>(names: RequestNames, act: impl FnOnce() -> T) -> T {
    REQUEST.sync_scope(names, act)
}

impl TraceId {
    /// The request's trace id.
    pub fn of(extensions: &Extensions) -> String {
        extensions.get::<Self>().map_or_else(Self::random, Clone::clone).0.to_string()
    }

    /// The caller's trace, if the request names one well; else a new one.
    fn from_headers(headers: &HeaderMap) -> Self {
        let named = headers.get("traceparent").and_then(|value| value.to_str().ok());
        named.and_then(parse_traceparent).map_or_else(Self::random, |id| Self(id.into()))
    }

    fn random() -> Self {
        let id: u128 = rand::random();
        Self(format!("{:032x}", id.max(1)).into())
    }
}

/// The trace id in a `traceparent`: version, trace id, parent id and flags in lower-case hexadecimal.
fn parse_traceparent(text: &str) -> Option<&str> {
    let mut fields = text.split('-');
    let (version, trace, parent, flags) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let hex = |field: &str, length: usize| {
        field.len() == length && field.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    let zero = |field: &str| field.bytes().all(|b| b == b'0');
    let known = hex(version, 2) && version != "ff" && (version != "00" || fields.next().is_none());
    let whole = known && hex(trace, 32) && hex(parent, 16) && hex(flags, 2);
    (whole && !zero(trace) && !zero(parent)).then_some(trace)
}

/// The instant after which a request is not executed any more.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(pub Instant);

impl Deadline {
    /// The request's deadline.
    pub fn of(extensions: &Extensions, settings: &ApiSettings) -> Self {
        extensions.get::<Self>().copied().unwrap_or_else(|| Self::from_now(settings))
    }

    fn from_now(settings: &ApiSettings) -> Self {
        Self(Instant::now() + Duration::from_millis(settings.request_timeout_ms))
    }
}

/// The one layer around every handler: what is said of a request, what if it panics, in how long it is answered, and who
/// may and how often. One and not four: each layer is a box of its own a request, and copies all that is below it.
pub async fn around(
    State(surroundings): State<Arc<Surroundings>>,
    mut request: Request,
    next: Next,
) -> Response {
    let Surroundings { gate, answered } = surroundings.as_ref();
    let observed = Observed::begin(&mut request, &gate.settings);
    let handled = in_time(observed.deadline, guard(gate, request, next));
    let names = observed.names.clone();
    let handled = async move {
        let handled = AssertUnwindSafe(handled).catch_unwind().await;
        observed.end(handled.unwrap_or_else(|panic| panicked(panic.as_ref())), answered)
    };
    REQUEST.scope(names, handled).await
}

/// What the layer needs.
pub struct Surroundings {
    gate: Gate,
    answered: Answered,
}

impl Surroundings {
    /// Those of that gate.
    pub fn new(gate: Gate) -> Self {
        Self { gate, answered: Answered::default() }
    }
}

/// A request, from its head to its answer.
struct Observed {
    since: Moment,
    deadline: Deadline,
    names: RequestNames,
    instance: String,
}

impl Observed {
    fn begin(request: &mut Request, settings: &ApiSettings) -> Self {
        let since = Moment::now();
        let trace_id = TraceId::from_headers(request.headers());
        let method = method_label(request.method());
        let route = request.extensions().get::<MatchedPath>().map(|path| route_label(path.as_str()));
        let route = route.unwrap_or(Cow::Borrowed("unmatched"));
        let instance = instance(request.uri().path());
        let deadline = Deadline::from_now(settings);
        let names = RequestNames { trace_id: Arc::clone(&trace_id.0), method, route };
        request.extensions_mut().insert(trace_id);
        request.extensions_mut().insert(deadline);
        Self { since, deadline, names, instance }
    }

    fn end(self, mut answer: Response, answered: &Answered) -> Response {
        let RequestNames { trace_id, method, route } = self.names;
        let limits = answer.extensions_mut().remove::<RateLimitFields>();
        let mut answer = problem::render(answer, &trace_id, &self.instance);
        if let Ok(value) = HeaderValue::from_str(&trace_id) {
            answer.headers_mut().insert(TRACE_ID, value);
        }
        if let Some(limits) = limits {
            limits.add_to(answer.headers_mut());
        }
        // Answers are about one caller and one moment: no cache keeps them unless the route says so.
        answer.headers_mut().entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        let status = answer.status().as_u16();
        let elapsed_us = self.since.elapsed().as_micros() as u64;
        tracing::debug!(status, elapsed_us, "answered");
        answered.count(method, route, status, self.since);
        answer
    }
}

/// Answers in time, with 503 where the handler did not. The handler's work is left: what it gave to a
/// lane is finished there, and a repetition with the same key gets its answer.
async fn in_time(deadline: Deadline, handled: impl Future<Output = Result<Response, Problem>>) -> Response {
    match tokio::time::timeout_at(deadline.0 + GRACE, handled).await {
        Ok(answer) => answer.into_response(),
        Err(_) => {
            tracing::warn!("a request was not answered in time");
            Problem::timed_out().into_response()
        }
    }
}

/// A defect reached a panic: the request gets 500, the process goes on.
fn panicked(panic: &(dyn Any + Send)) -> Response {
    let message = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    tracing::error!(panic = message, "a handler panicked");
    Problem::internal().into_response()
}

/// The path as a problem's `instance`. Ids have one spelling, so that what is left after undoing
/// percent-encoding is the same text for every request of the same thing; a replay depends on it.
fn instance(path: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/-._~".contains(&b);
    let mut decoded = String::new();
    let mut rest = path;
    while let Some(at) = rest.find('%') {
        let (before, from) = rest.split_at(at);
        let byte = from.get(1..3).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let Some(byte) = byte.filter(|byte| plain(*byte)) else { return path.to_owned() };
        decoded.push_str(before);
        decoded.push(char::from(byte));
        rest = from.get(3..).unwrap_or_default();
    }
    decoded.push_str(rest);
    decoded
}

/// The method as a label; a method of somebody's invention makes no new series.
const fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "OTHER",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_good_traceparent_is_taken_over() {
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        let good = format!("00-{id}-00f067aa0ba902b7-01");
        assert_eq!(parse_traceparent(&good), Some(id));
        assert_eq!(parse_traceparent(&format!("cc-{id}-00f067aa0ba902b7-01-later")), Some(id));
        let bad = [
            String::new(),
            id.to_owned(),
            format!("00-{id}-00f067aa0ba902b7"),
            format!("00-{id}-00f067aa0ba902b7-01-later"),
            format!("ff-{id}-00f067aa0ba902b7-01"),
            format!("00-{}-00f067aa0ba902b7-01", id.to_uppercase()),
            format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
            format!("00-{id}-{}-01", "0".repeat(16)),
            format!("00-{}-00f067aa0ba902b7-01", &id[1..]),
        ];
        for text in bad {
            assert_eq!(parse_traceparent(&text), None, "{text}");
        }
    }

    #[test]
    fn the_instance_is_one_text_for_one_thing() {
        let table = [
            ("/v1/accounts/acct_1", "/v1/accounts/acct_1"),
            ("/v1/accounts/%61cct%5F1", "/v1/accounts/acct_1"),
            ("/v1/%20", "/v1/%20"),
            ("/v1/%zz", "/v1/%zz"),
            ("/v1/%", "/v1/%"),
            ("/%c3%a9", "/%c3%a9"),
        ];
        for (path, wanted) in table {
            assert_eq!(instance(path), wanted, "{path}");
        }
    }
}
