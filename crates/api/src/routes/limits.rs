//! What limits the stakes of bets.

use super::accounts::{AccountPath, NoParams, PageParams};
use super::answer::{listed, written};
use crate::auth::Caller;
use crate::extract::{Ids, KeyedJson, Params};
use crate::problem::{FieldError, INVALID_BODY, Problem};
use crate::state::ApiState;
use crate::wire::List;
use crate::wire::limits::{AccountFactor, AccountFactors, Limits, ReleaseLimits, SetFactor, SetLimits};
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use overround_app::{FactorView, LimitView};
use overround_domain::betting::StakeLimits;

/// The limits on stakes
///
/// Newest first: those in force. The house's least and largest stake and largest payout are settings.
#[utoipa::path(get, path = "/v1/limits", tag = "trading", params(PageParams),
    responses((status = 200, description = "A part of the limits.", body = List<Limits>)))]
pub async fn list_limits(
    State(state): State<ApiState>,
    Params(page): Params<PageParams>,
) -> Result<Json<List<Limits>>, Problem> {
    listed("limits", &page.into(), |page| state.app.limits(page)).await
}

/// Limits stakes
///
/// Of one bet on the markets that the scope covers: by volume, liability and stake, at least one of them. The strictest of
/// all that cover a bet's markets applies, times the account's factor, and in play times the house's. It replaces
/// the scope's limits in that currency, and counts for each batch of bets that begins after the answer.
#[utoipa::path(post, path = "/v1/limits", tag = "trading", request_body = SetLimits,
    responses((status = 200, description = "They are in force.", body = Limits)))]
pub async fn set_limits(
    State(state): State<ApiState>,
    caller: Caller,
    request: KeyedJson<SetLimits>,
) -> Result<Response, Problem> {
    let KeyedJson { keyed, body } = request;
    let limits = body.limits();
    if limits.is_none() {
        let detail = "at least one of volume_cents, liability_cents and stake_cents is given";
        return Err(Problem::invalid(INVALID_BODY, FieldError::at("", detail)));
    }
    let (scope, reason) = (body.scope.into(), body.reason.0);
    let done = state.app.set_limits(scope, body.currency, limits, &caller.actor(), keyed, reason).await?;
    Ok(written::<LimitView, Limits>(StatusCode::OK, done))
}

/// Lets limits go
///
/// Those of this scope and currency alone; all others stay.
#[utoipa::path(post, path = "/v1/limits/release", tag = "trading", request_body = ReleaseLimits,
    responses((status = 200, description = "They are let go.", body = Limits)))]
pub async fn release_limits(
    State(state): State<ApiState>,
    caller: Caller,
    request: KeyedJson<ReleaseLimits>,
) -> Result<Response, Problem> {
    let KeyedJson { keyed, body } = request;
    let (scope, none, reason) = (body.scope.into(), StakeLimits::default(), body.reason.0);
    let done = state.app.set_limits(scope, body.currency, none, &caller.actor(), keyed, reason).await?;
    Ok(written::<LimitView, Limits>(StatusCode::OK, done))
}

/// An account's factors
#[utoipa::path(get, path = "/v1/accounts/{account_id}/factors", tag = "trading", params(AccountPath),
    responses((status = 200, description = "The factors by sport.", body = AccountFactors)))]
pub async fn list_factors(
    State(state): State<ApiState>,
    Ids(path): Ids<AccountPath>,
    _: Params<NoParams>,
) -> Result<Json<AccountFactors>, Problem> {
    let factors = state.app.account_factors(path.account_id).await?;
    Ok(Json(AccountFactors { items: factors.into_iter().map(AccountFactor::from).collect() }))
}

/// Sets an account's factor in a sport
///
/// What its limits are multiplied by. Below 100 % it lowers the house's largest stake too; above, only what traders
/// have limited.
#[utoipa::path(post, path = "/v1/accounts/{account_id}/factors", tag = "trading", params(AccountPath),
    request_body = SetFactor,
    responses((status = 200, description = "It is in force.", body = AccountFactor)))]
pub async fn set_factor(
    State(state): State<ApiState>,
    caller: Caller,
    Ids(path): Ids<AccountPath>,
    request: KeyedJson<SetFactor>,
) -> Result<Response, Problem> {
    let KeyedJson { keyed, body } = request;
    let SetFactor { sport, factor_pct, reason } = body;
    let account = path.account_id;
    let done =
        state.app.set_account_factor(account, sport.0, factor_pct, &caller.actor(), keyed, reason.0).await?;
    Ok(written::<FactorView, AccountFactor>(StatusCode::OK, done))
}
