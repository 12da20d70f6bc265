//! The composition of routes and layers.

use crate::auth::{Auth, Gate, guard};
use crate::observe::{in_time, observe};
use crate::problem::{NOT_FOUND, Problem};
use crate::state::{ApiState, Parts};
use crate::stream::Connections;
use crate::{ApiSettings, Ending, Feeds, docs, routes};
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use metrics_exporter_prometheus::PrometheusHandle;
use overround_app::App;
use std::any::Any;
use std::sync::Arc;
use tower_http::catch_panic::CatchPanicLayer;

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
    let gate = Gate { auth, app: state.app.clone(), settings: Arc::clone(&state.settings) };
    let (routes, _) = routes::all().split_for_parts();
    routes
        .merge(docs::routes())
        .fallback(|| async { Problem::new(NOT_FOUND, "there is nothing at this path") })
        // From the inside out: who may and how often, in how long, what if it panics, and what is said of it.
        .layer(from_fn_with_state(gate, guard))
        .layer(from_fn_with_state(state.clone(), in_time))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(state.clone(), observe))
        .with_state(state)
}

/// A defect reached a panic: the request gets 500, the process goes on.
fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let message = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    tracing::error!(panic = message, "a handler panicked");
    Problem::internal().into_response()
}
