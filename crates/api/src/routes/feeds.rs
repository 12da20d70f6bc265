//! Feeds that come in over HTTP.

use crate::extract::{Ids, body};
use crate::feeds::{FEED_BYTES_MAX, FEED_NONCE, FEED_SIGNATURE, FeedSecret, UofFeed, is_nonce};
use crate::observe::Deadline;
use crate::problem::{Problem, UNPROVEN, UNSUPPORTED_MEDIA_TYPE};
use crate::state::ApiState;
use crate::wire::feeds::{ProducerNumber, TakenMessage};
use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};
use serde::Deserialize;
use std::sync::Arc;
use utoipa::IntoParams;

/// How much of a message that is too large is read before it is answered, in bytes.
const READ_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A producer in a path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct ProducerPath {
    /// The producer's number, as messages have it in `product`.
    #[param(value_type = u32, minimum = 1, maximum = 65_535)]
    producer: ProducerNumber,
}

/// A message of the Unified Odds Feed
///
/// One XML message of a producer: `odds_change`, `bet_stop`, `alive`, `snapshot_complete`, `fixture_change`. When it is
/// answered with 200, what it changes is committed. Settlement messages are read and refused: results are given by
/// people so far. A message that was taken before, or is older than what its producer said since, is 409 and changes
/// nothing, so that any may be sent again.
///
/// Who sends proves the secret (`uof_secret`), and so does the answer. `Feed-Signature` of a request is the HMAC-SHA256,
/// as 64 hexadecimal digits, over `request`, the method, the path, `Feed-Nonce` and the body, each on a line of its own
/// but for the body, which follows the last line's end. `Feed-Signature` of the answer is the HMAC over `answer`, the
/// nonce and the status, likewise. The messages of all producers go to one process.
#[utoipa::path(post, path = "/v1/feeds/uof/{producer}", tag = "feeds",
    params(ProducerPath,
        ("Feed-Nonce" = String, Header, description = "16 to 128 visible ASCII characters, new for each request.",
            min_length = 16, max_length = 128, pattern = "^[!-~]+$"),
        ("Feed-Signature" = String, Header, description = "The sender's proof.", pattern = "^[0-9a-f]{64}$")),
    request_body(content = String, content_type = "application/xml", description = "The message, of at most 4 MiB."),
    responses((status = 200, description = "What the message came to.", body = TakenMessage,
        headers(("Feed-Signature" = String, description = "The house's proof.")))))]
pub async fn take_uof_message(
    State(state): State<ApiState>,
    Ids(path): Ids<ProducerPath>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, content) = request.into_parts();
    let unproven = || Problem::new(UNPROVEN, "the request does not prove the feed's secret");
    let (secret, feed) = state.feeds.of_uof().ok_or_else(unproven)?;
    let nonce = header(&parts.headers, FEED_NONCE).filter(|nonce| is_nonce(nonce)).ok_or_else(unproven)?;
    let signature = header(&parts.headers, FEED_SIGNATURE).ok_or_else(unproven)?;
    let deadline = Deadline::of(&parts.extensions, &state.settings);
    let body = body::read(content, FEED_BYTES_MAX, READ_BYTES_MAX, deadline).await?;
    if !secret.proves_request(parts.method.as_str(), parts.uri.path(), nonce, &body, signature) {
        return Err(unproven());
    }
    let taken = match check_content_type(&parts.headers) {
        Ok(()) => take(feed, path.producer.0, body).await,
        Err(problem) => Err(problem),
    };
    proven(secret, nonce, taken)
}

async fn take(feed: &Arc<dyn UofFeed>, producer: u32, body: Bytes) -> Result<TakenMessage, Problem> {
    Ok(feed.take(producer, body).await?.into())
}

/// The answer with the house's proof.
fn proven(
    secret: &FeedSecret,
    nonce: &str,
    taken: Result<TakenMessage, Problem>,
) -> Result<Response, Problem> {
    let proof = |status: u16| HeaderValue::from_str(&secret.sign_answer(nonce, status)).ok();
    match taken {
        Ok(taken) => {
            let mut response = Json(taken).into_response();
            if let Some(proof) = proof(response.status().as_u16()) {
                response.headers_mut().insert(FEED_SIGNATURE, proof);
            }
            Ok(response)
        }
        Err(problem) => {
            let proof = proof(problem.status());
            Err(problem.with_proof(proof))
        }
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn check_content_type(headers: &HeaderMap) -> Result<(), Problem> {
    let declared = header(headers, CONTENT_TYPE.as_str()).unwrap_or_default();
    let essence = declared.split(';').next().unwrap_or_default().trim();
    if ["application/xml", "text/xml"].iter().any(|xml| essence.eq_ignore_ascii_case(xml)) {
        return Ok(());
    }
    Err(Problem::new(UNSUPPORTED_MEDIA_TYPE, "send Content-Type: application/xml"))
}
