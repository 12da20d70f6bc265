//! What every handler has at hand.

use crate::stream::Connections;
use crate::{ApiSettings, Ending, Feeds};
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
    /// The open streams.
    pub connections: Connections,
    /// The feeds that come in over HTTP.
    pub feeds: Feeds,
    /// The word to end, and who has to hear it.
    pub ending: Ending,
}
