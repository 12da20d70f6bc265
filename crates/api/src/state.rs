//! What every handler has at hand.

use crate::ApiSettings;
use crate::ws::Connections;
use metrics_exporter_prometheus::PrometheusHandle;
use overround_app::App;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// The router's state.
#[derive(Clone)]
pub struct ApiState {
    /// The use cases.
    pub app: App,
    /// The API's settings.
    pub settings: Arc<ApiSettings>,
    /// The process's metrics.
    pub metrics: PrometheusHandle,
    /// The open streams.
    pub connections: Connections,
    /// The server is asked to end.
    pub stop: CancellationToken,
}
