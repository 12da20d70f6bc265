//! What traders do to prices, to an outcome, and to many markets at once.

use super::accounts::PageParams;
use super::answer::{listed, written};
use super::events::EventPath;
use super::markets::MarketPath;
use crate::auth::Caller;
use crate::extract::{Ids, KeyedJson, Params};
use crate::problem::Problem;
use crate::state::ApiState;
use crate::wire::markets::{ActOnMarket, MarketAction};
use crate::wire::trading::{GroupAction, Hold, ReleasePrices, SetMargin, SetPrices, Sport};
use crate::wire::{List, schema};
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use overround_app::{GroupAction as GroupDone, MarketAction as Done};
use overround_domain::ids::{MarketId, OutcomeId};
use overround_domain::markets::Group;
use serde::Deserialize;
use utoipa::IntoParams;

/// An outcome of a market in a path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct OutcomePath {
    /// The market.
    #[param(value_type = schema::MarketId)]
    market_id: MarketId,
    /// The outcome, one of the market's.
    #[param(value_type = schema::OutcomeId)]
    outcome_id: OutcomeId,
}

/// A sport in a path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct SportPath {
    /// The sport, a lower-case word.
    #[param(value_type = String, pattern = "^[a-z0-9-]{1,100}$", example = "tennis")]
    sport: Sport,
}

/// What is held
///
/// Newest first: outcomes, markets, events, sports and all, as traders or the house hold them. Those of markets that are
/// over are left out.
#[utoipa::path(get, path = "/v1/holds", tag = "trading", params(PageParams),
    responses((status = 200, description = "A part of the holds.", body = List<Hold>)))]
pub async fn list_holds(
    State(state): State<ApiState>,
    Params(page): Params<PageParams>,
) -> Result<Json<List<Hold>>, Problem> {
    listed("holds", &page.into(), |page| state.app.holds(page)).await
}

async fn suspend(
    state: &ApiState,
    caller: &Caller,
    group: Group,
    request: KeyedJson<ActOnMarket>,
) -> Result<Response, Problem> {
    let KeyedJson { keyed, body } = request;
    let done = state.app.suspend_group(group, &caller.actor(), keyed, body.reason.0).await?;
    Ok(written::<GroupDone, GroupAction>(StatusCode::OK, done))
}

async fn resume(
    state: &ApiState,
    caller: &Caller,
    group: Group,
    request: KeyedJson<ActOnMarket>,
) -> Result<Response, Problem> {
    let KeyedJson { keyed, body } = request;
    let done = state.app.resume_group(group, &caller.actor(), keyed, body.reason.0).await?;
    Ok(written::<GroupDone, GroupAction>(StatusCode::OK, done))
}

/// Suspends an outcome
///
/// No bet on it is accepted after the answer, until it is resumed; the others of its market stay on sale.
#[utoipa::path(post, path = "/v1/markets/{market_id}/outcomes/{outcome_id}/suspend", tag = "trading",
    params(OutcomePath), request_body = ActOnMarket,
    responses((status = 200, description = "The outcome is suspended.", body = MarketAction)))]
pub async fn suspend_outcome(
    State(state): State<ApiState>,
    caller: Caller,
    Ids(path): Ids<OutcomePath>,
    request: KeyedJson<ActOnMarket>,
) -> Result<Response, Problem> {
    let KeyedJson { keyed, body } = request;
    let OutcomePath { market_id, outcome_id } = path;
    let done =
        state.app.suspend_outcome(market_id, outcome_id, &caller.actor(), keyed, body.reason.0).await?;
    Ok(written::<Done, MarketAction>(StatusCode::OK, done))
}

/// Resumes an outcome
///
/// Ends its own suspension; its market's, its event's and wider ones stay.
#[utoipa::path(post, path = "/v1/markets/{market_id}/outcomes/{outcome_id}/resume", tag = "trading",
    params(OutcomePath), request_body = ActOnMarket,
    responses((status = 200, description = "The suspension is ended.", body = MarketAction)))]
pub async fn resume_outcome(
    State(state): State<ApiState>,
    caller: Caller,
    Ids(path): Ids<OutcomePath>,
    request: KeyedJson<ActOnMarket>,
) -> Result<Response, Problem> {
    let KeyedJson { keyed, body } = request;
    let OutcomePath { market_id, outcome_id } = path;
    let done = state.app.resume_outcome(market_id, outcome_id, &caller.actor(), keyed, body.reason.0).await?;
    Ok(written::<Done, MarketAction>(StatusCode::OK, done))
}

/// Suspends all markets of an event
///
/// No bet on them is accepted after the answer, until they are resumed; that counts for those that appear later, too.
#[utoipa::path(post, path = "/v1/events/{event_id}/suspend", tag = "trading", params(EventPath), request_body = ActOnMarket,
    responses((status = 200, description = "They are suspended.", body = GroupAction)))]
pub async fn suspend_event(
    State(state): State<ApiState>,
    caller: Caller,
    Ids(path): Ids<EventPath>,
    request: KeyedJson<ActOnMarket>,
) -> Result<Response, Problem> {
    suspend(&state, &caller, Group::Event(path.event_id), request).await
}

/// Resumes the markets of an event
///
/// Ends this suspension alone: what is suspended by itself, or by a wider suspension, stays so.
#[utoipa::path(post, path = "/v1/events/{event_id}/resume", tag = "trading", params(EventPath), request_body = ActOnMarket,
    responses((status = 200, description = "The suspension is ended.", body = GroupAction)))]
pub async fn resume_event(
    State(state): State<ApiState>,
    caller: Caller,
    Ids(path): Ids<EventPath>,
    request: KeyedJson<ActOnMarket>,
) -> Result<Response, Problem> {
    resume(&state, &caller, Group::Event(path.event_id), request).await
}

/// Suspends all markets of a sport
///
/// No bet on them is accepted after the answer, until they are resumed; that counts for those that appear later, too.
#[utoipa::path(post, path = "/v1/sports/{sport}/suspend", tag = "trading", params(SportPath), request_body = ActOnMarket,
    responses((status = 200, description = "They are suspended.", body = GroupAction)))]
pub async fn suspend_sport(
    State(state): State<ApiState>,
    caller: Caller,
    Ids(path): Ids<SportPath>,
    request: KeyedJson<ActOnMarket>,
) -> Result<Response, Problem> {
    suspend(&state, &caller, Group::Sport(path.sport.0), request).await
}

/// Resumes the markets of a sport
///
/// Ends this suspension alone: what is suspended by itself, or by a wider suspension, stays so.
#[utoipa::path(post, path = "/v1/sports/{sport}/resume", tag = "trading", params(SportPath), request_body = ActOnMarket,
    responses((status = 200, description = "The suspension is ended.", body = GroupAction)))]
pub async fn resume_sport(
    State(state): State<ApiState>,
    caller: Caller,
    Ids(path): Ids<SportPath>,
    request: KeyedJson<ActOnMarket>,
) -> Result<Response, Problem> {
    resume(&state, &caller, Group::Sport(path.sport.0), request).await
}

/// Suspends all markets
///
/// No bet on them is accepted after the answer, until they are resumed; that counts for those that appear later, too.
#[utoipa::path(post, path = "/v1/trading/suspend", tag = "trading", request_body = ActOnMarket,
    responses((status = 200, description = "They are suspended.", body = GroupAction)))]
pub async fn suspend_all(
    State(state): State<ApiState>,
    caller: Caller,
    request: KeyedJson<ActOnMarket>,
) -> Result<Response, Problem> {
    suspend(&state, &caller, Group::All, request).await
}

/// Resumes trading
///
/// Ends this suspension alone: what is suspended by itself, or by a wider suspension, stays so.
#[utoipa::path(post, path = "/v1/trading/resume", tag = "trading", request_body = ActOnMarket,
    responses((status = 200, description = "The suspension is ended.", body = GroupAction)))]
pub async fn resume_all(
    State(state): State<ApiState>,
    caller: Caller,
    request: KeyedJson<ActOnMarket>,
) -> Result<Response, Problem> {
    resume(&state, &caller, Group::All, request).await
}

/// Gives a market a margin of its own
///
/// Its prices are made anew at once, from the last that its source said.
#[utoipa::path(post, path = "/v1/markets/{market_id}/margin", tag = "trading", params(MarketPath),
    request_body = SetMargin,
    responses((status = 200, description = "It is in force.", body = MarketAction)))]
pub async fn set_margin(
    State(state): State<ApiState>,
    caller: Caller,
    Ids(path): Ids<MarketPath>,
    request: KeyedJson<SetMargin>,
) -> Result<Response, Problem> {
    let KeyedJson { keyed, body } = request;
    let margin = body.margin();
    let done = state.app.set_margin(path.market_id, margin, &caller.actor(), keyed, body.reason.0).await?;
    Ok(written::<Done, MarketAction>(StatusCode::OK, done))
}

/// Gives a market the house's margin again
#[utoipa::path(post, path = "/v1/markets/{market_id}/margin/release", tag = "trading", params(MarketPath),
    request_body = ActOnMarket,
    responses((status = 200, description = "The house's margin is in force.", body = MarketAction)))]
pub async fn release_margin(
    State(state): State<ApiState>,
    caller: Caller,
    Ids(path): Ids<MarketPath>,
    request: KeyedJson<ActOnMarket>,
) -> Result<Response, Problem> {
    let KeyedJson { keyed, body } = request;
    let done = state.app.release_margin(path.market_id, &caller.actor(), keyed, body.reason.0).await?;
    Ok(written::<Done, MarketAction>(StatusCode::OK, done))
}

/// Sets prices of a market by hand
///
/// They stand instead of those made from the source's until they are released, whatever the source says.
#[utoipa::path(post, path = "/v1/markets/{market_id}/prices", tag = "trading", params(MarketPath),
    request_body = SetPrices,
    responses((status = 200, description = "They are on sale, where the market is.", body = MarketAction)))]
pub async fn set_prices(
    State(state): State<ApiState>,
    caller: Caller,
    Ids(path): Ids<MarketPath>,
    request: KeyedJson<SetPrices>,
) -> Result<Response, Problem> {
    let KeyedJson { keyed, body } = request;
    let SetPrices { outcomes, reason } = body;
    let done = state.app.set_prices(path.market_id, outcomes, &caller.actor(), keyed, reason.0).await?;
    Ok(written::<Done, MarketAction>(StatusCode::OK, done))
}

/// Releases prices that were set by hand
///
/// Those made from the last that the source said are on sale again at once.
#[utoipa::path(post, path = "/v1/markets/{market_id}/prices/release", tag = "trading", params(MarketPath),
    request_body = ReleasePrices,
    responses((status = 200, description = "They are released.", body = MarketAction)))]
pub async fn release_prices(
    State(state): State<ApiState>,
    caller: Caller,
    Ids(path): Ids<MarketPath>,
    request: KeyedJson<ReleasePrices>,
) -> Result<Response, Problem> {
    let KeyedJson { keyed, body } = request;
    let ReleasePrices { outcomes, reason } = body;
    let done = state.app.release_prices(path.market_id, outcomes, &caller.actor(), keyed, reason.0).await?;
    Ok(written::<Done, MarketAction>(StatusCode::OK, done))
}
