//! The composition of routes and layers.

use crate::auth::{Auth, Gate};
use crate::market_texts::MarketTexts;
use crate::observe::{Surroundings, around};
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
    let (settings, market_texts, connections) =
        (Arc::new(settings), MarketTexts::default(), Connections::default());
    let state = ApiState::new(Parts { app, settings, metrics, market_texts, connections, feeds, ending });
    let gate = Gate { auth, app: state.app.clone(), settings: Arc::clone(&state.settings) };
    let surroundings = Arc::new(Surroundings::new(gate));
    let (routes, _) = routes::all().split_for_parts();
    routes
        .merge(docs::routes())
        .fallback(|| async { Problem::new(NOT_FOUND, "there is nothing at this path") })
        .layer(from_fn_with_state(surroundings, around))
        .with_state(state)
}
