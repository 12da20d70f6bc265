//! The composition of routes and layers.

use crate::auth::{Auth, Gate};
use crate::observe::around;
use crate::problem::{NOT_FOUND, Problem};
use crate::state::{ApiState, Parts};
use crate::stream::Connections;
use crate::{ApiSettings, Ending, Feeds, docs, routes};
use axum::Router;
use axum::middleware::from_fn_with_state;
use metrics_exporter_prometheus::PrometheusHandle;
use overround_app::App;
use std::sync::Arc;

/// The whole API over the use cases. `metrics` is what `/metrics` shows; streams end with `ending`.
pub fn router(
    app: App,
    auth: Auth,
    settings: ApiSettings,
    metrics: PrometheusHandle,
    feeds: Feeds,
    ending: Ending,
) -> Router {
    let connections = Connections::default();
    let state =
        ApiState::new(Parts { app, settings: Arc::new(settings), metrics, connections, feeds, ending });
    let gate = Arc::new(Gate { auth, app: state.app.clone(), settings: Arc::clone(&state.settings) });
    let (routes, _) = routes::all().split_for_parts();
    routes
        .merge(docs::routes())
        .fallback(|| async { Problem::new(NOT_FOUND, "there is nothing at this path") })
        .layer(from_fn_with_state(gate, around))
        .with_state(state)
}
