//! Hard caps: what all bets together may cost the house.

use super::accounts::PageParams;
use super::answer::{listed, written};
use crate::auth::Caller;
use crate::extract::{KeyedJson, Params};
use crate::problem::Problem;
use crate::state::ApiState;
use crate::wire::List;
use crate::wire::caps::{Cap, ReleaseCap, SetCap};
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use overround_app::CapView;

/// The caps on all bets together
///
/// Newest first: those in force, with how much of each is taken.
#[utoipa::path(get, path = "/v1/caps", tag = "trading", params(PageParams),
    responses((status = 200, description = "A part of the caps.", body = List<Cap>)))]
pub async fn list_caps(
    State(state): State<ApiState>,
    Params(page): Params<PageParams>,
) -> Result<Json<List<Cap>>, Problem> {
    listed("caps", &page.into(), |page| state.app.caps(page)).await
}

/// Caps all bets together
///
/// On a sport, an event, a market, an outcome or a combination of outcomes: what the open bets may win (`LIABILITY`: each bet's potential payout
/// less its stake, also a parlay's, given back when the bet closes, however it closes), or what was staked (`STAKES`, never
/// given back). Those bets count that are accepted from the answer on; nothing is netted between outcomes. A cap is never
/// exceeded, at however many processes: its largest overshoot is nothing. One that is lowered below what is taken takes no bet before it holds again.
/// What it leaves for a bet is the refusal's `stake_cents_max`: `ABOVE_EVENT_MAX` (also of a
/// sport), `ABOVE_MAX`, or `COMBINATION_MAX`.
#[utoipa::path(post, path = "/v1/caps", tag = "trading", request_body = SetCap,
    responses((status = 200, description = "It is in force.", body = Cap)))]
pub async fn set_cap(
    State(state): State<ApiState>,
    caller: Caller,
    request: KeyedJson<SetCap>,
) -> Result<Response, Problem> {
    let KeyedJson { keyed, body } = request;
    let SetCap { scope, currency, measure, amount_cents, reason } = body;
    let of = (scope.into(), currency, measure.into());
    let done = state.app.set_cap(of, amount_cents.0, &caller.actor(), keyed, reason.0).await?;
    Ok(written::<CapView, Cap>(StatusCode::OK, done))
}

/// Lets a cap go
///
/// What the bets took of it is still given back as they close, and what they have not given back counts if it is set again.
#[utoipa::path(post, path = "/v1/caps/release", tag = "trading", request_body = ReleaseCap,
    responses((status = 200, description = "It is let go.", body = Cap)))]
pub async fn release_cap(
    State(state): State<ApiState>,
    caller: Caller,
    request: KeyedJson<ReleaseCap>,
) -> Result<Response, Problem> {
    let KeyedJson { keyed, body } = request;
    let ReleaseCap { scope, currency, measure, reason } = body;
    let of = (scope.into(), currency, measure.into());
    let done = state.app.set_cap(of, None, &caller.actor(), keyed, reason.0).await?;
    Ok(written::<CapView, Cap>(StatusCode::OK, done))
}
