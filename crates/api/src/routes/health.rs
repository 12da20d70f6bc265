//! Whether the process lives, whether it can work, and what it counted.

use crate::problem::Problem;
use crate::state::ApiState;
use crate::wire::health::{Live, Ready};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;

/// The process answers
#[utoipa::path(get, path = "/health/live", tag = "operations",
    responses((status = 200, description = "It does.", body = Live)))]
pub async fn live() -> Json<Live> {
    Json(Live { status: "live" })
}

/// What requests need is there
///
/// Else 503, and `unavailable` names the parts that are away.
#[utoipa::path(get, path = "/health/ready", tag = "operations",
    responses((status = 200, description = "It is.", body = Ready)))]
pub async fn ready(State(state): State<ApiState>) -> Result<Json<Ready>, Problem> {
    let parts = state.app.readiness().await;
    let mut away = Vec::new();
    for (part, state) in &parts {
        if let Err(error) = state {
            tracing::warn!(part, %error, "a part is away");
            away.push(*part);
        }
    }
    if away.is_empty() {
        return Ok(Json(Ready { status: "ready", parts: parts.into_iter().map(|(part, _)| part).collect() }));
    }
    Err(Problem::unavailable(away, 1))
}

/// Counters, gauges and histograms
///
/// In Prometheus's text format.
#[utoipa::path(get, path = "/metrics", tag = "operations",
    responses((status = 200, description = "The metrics.", body = String, content_type = "text/plain")))]
pub async fn metrics(State(state): State<ApiState>) -> Response {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], state.metrics.render()).into_response()
}
