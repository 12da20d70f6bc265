//! Bets.

use super::accounts::{AccountPath, NoParams};
use super::answer::{listed, may_reach, written};
use crate::auth::Caller;
use crate::extract::{Ids, KeyedJson, Limit, PageQuery, Params};
use crate::problem::Problem;
use crate::state::ApiState;
use crate::wire::bets::{Bet, PlaceBet, Receipt};
use crate::wire::names::BetStatus;
use crate::wire::{List, schema};
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use overround_app::BetReceipt;
use overround_domain::ids::{AccountId, BetId};
use serde::Deserialize;
use utoipa::IntoParams;

/// A bet of an account in a path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct BetPath {
    /// The account.
    #[param(value_type = schema::AccountId)]
    account_id: AccountId,
    /// The bet.
    #[param(value_type = schema::BetId)]
    bet_id: BetId,
}

/// Which bets.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct BetParams {
    /// Only bets of this status.
    #[param(inline)]
    status: Option<BetStatus>,
    /// How many rows, at most 200.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 200, default = 50)]
    limit: Option<Limit>,
    /// The `next_cursor` of the part before.
    cursor: Option<String>,
}

/// Places a bet
///
/// A single with one leg, a parlay with legs of several events. The stake is put on hold. The answer
/// is the receipt, whose terms never change; what becomes of the bet is read at the bet.
#[utoipa::path(post, path = "/v1/accounts/{account_id}/bets", tag = "bets", params(AccountPath),
    request_body = PlaceBet,
    responses((status = 201, description = "The receipt.", body = Receipt)))]
pub async fn place_bet(
    State(state): State<ApiState>,
    caller: Caller,
    Ids(path): Ids<AccountPath>,
    request: KeyedJson<PlaceBet>,
) -> Result<Response, Problem> {
    let KeyedJson { keyed, body } = request;
    may_reach(&state.app, &caller, path.account_id).await?;
    let placed = state.app.place_bet(path.account_id, keyed, body.into()).await?;
    Ok(written::<BetReceipt, Receipt>(StatusCode::CREATED, placed))
}

/// An account's bets
///
/// Newest first.
#[utoipa::path(get, path = "/v1/accounts/{account_id}/bets", tag = "bets",
    params(AccountPath, BetParams),
    responses((status = 200, description = "A part of the bets.", body = List<Bet>)))]
pub async fn list_bets(
    State(state): State<ApiState>,
    caller: Caller,
    Ids(path): Ids<AccountPath>,
    Params(params): Params<BetParams>,
) -> Result<Json<List<Bet>>, Problem> {
    may_reach(&state.app, &caller, path.account_id).await?;
    let name = format!("bets of {} {:?}", path.account_id, params.status);
    let query = PageQuery { limit: params.limit, cursor: params.cursor };
    let status = params.status.map(Into::into);
    listed(&name, &query, |page| state.app.bets(path.account_id, status, page)).await
}

/// One bet
#[utoipa::path(get, path = "/v1/accounts/{account_id}/bets/{bet_id}", tag = "bets", params(BetPath),
    responses((status = 200, description = "The bet as it stands.", body = Bet)))]
pub async fn get_bet(
    State(state): State<ApiState>,
    caller: Caller,
    Ids(path): Ids<BetPath>,
    _: Params<NoParams>,
) -> Result<Json<Bet>, Problem> {
    may_reach(&state.app, &caller, path.account_id).await?;
    Ok(Json(state.app.bet(path.account_id, path.bet_id).await?.into()))
}
