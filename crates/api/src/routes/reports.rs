//! Reports over all accounts.

use super::accounts::NoParams;
use crate::extract::Params;
use crate::problem::Problem;
use crate::state::ApiState;
use crate::wire::reports::{Segregation, TrialBalance};
use axum::Json;
use axum::extract::State;
use overround_app::Error;

/// The trial balance
///
/// All accounts by currency, cell and kind, of one snapshot. Each currency of each cell sums to zero.
#[utoipa::path(get, path = "/v1/reports/trial-balance", tag = "reports",
    responses((status = 200, description = "The balances.", body = TrialBalance)))]
pub async fn trial_balance(
    State(state): State<ApiState>,
    _: Params<NoParams>,
) -> Result<Json<TrialBalance>, Problem> {
    Ok(Json(state.app.trial_balance().await?.into()))
}

/// Segregation of the players' money
///
/// What players are owed against what came in through PSPs and did not go out again, by currency, of one
/// snapshot.
#[utoipa::path(get, path = "/v1/reports/segregation", tag = "reports",
    responses((status = 200, description = "The sums.", body = Segregation)))]
pub async fn segregation(
    State(state): State<ApiState>,
    _: Params<NoParams>,
) -> Result<Json<Segregation>, Problem> {
    let report = Segregation::new(state.app.segregation().await?);
    Ok(Json(report.ok_or_else(|| Error::internal("the sums of the accounts leave the range of 64 bits"))?))
}
