//! Live producers of market data.

use super::accounts::NoParams;
use crate::extract::Params;
use crate::problem::Problem;
use crate::state::ApiState;
use crate::wire::List;
use crate::wire::producers::Producer;
use axum::Json;
use axum::extract::State;

/// The producers
///
/// By name, all in one answer. The markets of one that is not `UP` are suspended until it has recovered.
#[utoipa::path(get, path = "/v1/producers", tag = "trading",
    responses((status = 200, description = "The producers.", body = List<Producer>)))]
pub async fn list_producers(
    State(state): State<ApiState>,
    _: Params<NoParams>,
) -> Result<Json<List<Producer>>, Problem> {
    let producers = state.app.producers().await?;
    Ok(Json(List { items: producers.into_iter().map(Producer::from).collect(), next_cursor: None }))
}
