//! What the open bets of markets come to.

use super::accounts::NoParams;
use super::markets::MarketPath;
use crate::extract::{Ids, Params};
use crate::problem::Problem;
use crate::state::ApiState;
use crate::wire::exposure::Exposure;
use axum::Json;
use axum::extract::State;

/// The exposure of a market
///
/// What its open bets come to, by currency and outcome, and what the house loses at worst. It follows the bets by about a
/// second.
#[utoipa::path(get, path = "/v1/markets/{market_id}/exposure", tag = "trading", params(MarketPath),
    responses((status = 200, description = "The exposure.", body = Exposure)))]
pub async fn get_exposure(
    State(state): State<ApiState>,
    Ids(path): Ids<MarketPath>,
    _: Params<NoParams>,
) -> Result<Json<Exposure>, Problem> {
    Ok(Json(state.app.exposure(path.market_id).await?.into()))
}
