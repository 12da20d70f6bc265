//! What every handler has at hand.

use crate::ApiSettings;
use metrics_exporter_prometheus::PrometheusHandle;
use overround_app::App;
use std::sync::Arc;

/// The router's state.
#[derive(Clone)]
pub struct ApiState {
    /// The use cases.
    pub app: App,
    /// The API's settings.
    pub settings: Arc<ApiSettings>,
    /// The process's metrics.
    pub metrics: PrometheusHandle,
}
