//! Markets, and what traders do with them.

use super::answer::{listed, written};
use crate::auth::Caller;
use crate::extract::{HeldTags, Ids, KeyedJson, Limit, PageQuery, Params, VersionText};
use crate::problem::Problem;
use crate::state::ApiState;
use crate::wire::markets::{ActOnMarket, Market, MarketAction, SettleMarket};
use crate::wire::names::MarketStatus;
use crate::wire::{List, schema};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG};
use http::{HeaderValue, StatusCode};
use overround_app::{Freshness, MarketAction as Done, MarketBoard, MarketFilter};
use overround_domain::ids::{EventId, MarketId};
use serde::Deserialize;
use utoipa::IntoParams;

const APPLICATION_JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A market in a path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct MarketPath {
    /// The market.
    #[param(value_type = schema::MarketId)]
    pub(super) market_id: MarketId,
}

/// Which markets.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MarketParams {
    /// Only markets of this event.
    #[param(value_type = Option<schema::EventId>)]
    event_id: Option<EventId>,
    /// Only markets of this status.
    #[param(inline)]
    status: Option<MarketStatus>,
    /// How many rows, at most 200.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 200, default = 50)]
    limit: Option<Limit>,
    /// The `next_cursor` of the part before.
    cursor: Option<String>,
}

/// How new the answer must be.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct VersionParams {
    /// The version that the reader has seen: no older answer is given.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    min_version: Option<VersionText>,
}

/// The markets
///
/// Newest first, with their prices.
#[utoipa::path(get, path = "/v1/markets", tag = "markets", params(MarketParams),
    responses((status = 200, description = "A part of the markets.", body = List<Market>)))]
pub async fn list_markets(
    State(state): State<ApiState>,
    Params(params): Params<MarketParams>,
) -> Result<Json<List<Market>>, Problem> {
    let name = format!("markets {:?} {:?}", params.event_id, params.status);
    let query = PageQuery { limit: params.limit, cursor: params.cursor };
    let filter = MarketFilter { event_id: params.event_id, status: params.status.map(Into::into) };
    listed(&name, &query, |page| state.app.markets(filter, page)).await
}

/// One market
///
/// The ETag is made of the version and of whether the answer is stale, since that is what a bet
/// depends on; `age_ms` moves on without a new one.
#[utoipa::path(get, path = "/v1/markets/{market_id}", tag = "markets",
    params(MarketPath, VersionParams,
        ("If-None-Match" = Option<String>, Header, description = "ETags that the reader holds.")),
    responses(
        (status = 200, description = "The market.", body = Market,
            headers(("ETag" = String, description = "Of the version."))),
        (status = 304, description = "The reader holds this version.",
            headers(("ETag" = String, description = "Of the version."))),
    ))]
pub async fn get_market(
    State(state): State<ApiState>,
    Ids(path): Ids<MarketPath>,
    Params(params): Params<VersionParams>,
    held: HeldTags,
) -> Result<Response, Problem> {
    let least = params.min_version.map(|version| version.0);
    let board = state.app.market(path.market_id, least).await?;
    let etag = etag(&board);
    let mut response = if held.include(&etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(CONTENT_TYPE, APPLICATION_JSON)], state.market_texts.json(&board)?).into_response()
    };
    // A cache may keep it, and asks each time whether it still holds.
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    if let Ok(value) = HeaderValue::from_str(&etag) {
        response.headers_mut().insert(ETAG, value);
    }
    Ok(response)
}

/// A weak tag: what it stands for is the same, the body's age is not.
fn etag(board: &MarketBoard) -> String {
    let stale = if board.freshness == Freshness::Fresh { "" } else { "-stale" };
    format!("W/\"{}{stale}\"", board.snapshot.version)
}

/// Suspends a market
///
/// No bet is accepted after the answer, until it is resumed; the feed does not resume it.
#[utoipa::path(post, path = "/v1/markets/{market_id}/suspend", tag = "markets", params(MarketPath),
    request_body = ActOnMarket,
    responses((status = 200, description = "The market is suspended.", body = MarketAction)))]
pub async fn suspend_market(
    State(state): State<ApiState>,
    caller: Caller,
    Ids(path): Ids<MarketPath>,
    request: KeyedJson<ActOnMarket>,
) -> Result<Response, Problem> {
    let KeyedJson { keyed, body } = request;
    let done = state.app.suspend(path.market_id, &caller.actor(), keyed, body.reason.0).await?;
    Ok(written::<Done, MarketAction>(StatusCode::OK, done))
}

/// Resumes a market
///
/// Ends a trader's suspension; the market is then what its source says.
#[utoipa::path(post, path = "/v1/markets/{market_id}/resume", tag = "markets", params(MarketPath),
    request_body = ActOnMarket,
    responses((status = 200, description = "The suspension is ended.", body = MarketAction)))]
pub async fn resume_market(
    State(state): State<ApiState>,
    caller: Caller,
    Ids(path): Ids<MarketPath>,
    request: KeyedJson<ActOnMarket>,
) -> Result<Response, Problem> {
    let KeyedJson { keyed, body } = request;
    let done = state.app.resume(path.market_id, &caller.actor(), keyed, body.reason.0).await?;
    Ok(written::<Done, MarketAction>(StatusCode::OK, done))
}

/// Closes a market
///
/// It takes no more bets; its result is awaited.
#[utoipa::path(post, path = "/v1/markets/{market_id}/close", tag = "markets", params(MarketPath),
    request_body = ActOnMarket,
    responses((status = 200, description = "The market is closed.", body = MarketAction)))]
pub async fn close_market(
    State(state): State<ApiState>,
    caller: Caller,
    Ids(path): Ids<MarketPath>,
    request: KeyedJson<ActOnMarket>,
) -> Result<Response, Problem> {
    let KeyedJson { keyed, body } = request;
    let done = state.app.close(path.market_id, &caller.actor(), keyed, body.reason.0).await?;
    Ok(written::<Done, MarketAction>(StatusCode::OK, done))
}

/// Settles a market
///
/// Records its result; its bets are paid right after the answer, each once.
#[utoipa::path(post, path = "/v1/markets/{market_id}/settle", tag = "markets", params(MarketPath),
    request_body = SettleMarket,
    responses((status = 200, description = "The result is recorded.", body = MarketAction)))]
pub async fn settle_market(
    State(state): State<ApiState>,
    caller: Caller,
    Ids(path): Ids<MarketPath>,
    request: KeyedJson<SettleMarket>,
) -> Result<Response, Problem> {
    let KeyedJson { keyed, body } = request;
    let done = state.app.record_result(path.market_id, &caller.actor(), keyed, body.into()).await?;
    Ok(written::<Done, MarketAction>(StatusCode::OK, done))
}
