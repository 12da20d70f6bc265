//! What every handler has at hand.

use crate::market_texts::MarketTexts;
use crate::stream::Connections;
use crate::{ApiSettings, Ending, Feeds};
use metrics_exporter_prometheus::PrometheusHandle;
use overround_app::App;
use std::ops::Deref;
use std::sync::Arc;

/// The router's state. Each layer and handler of each request has one of its own, so that a copy is one pointer.
#[derive(Clone)]
pub struct ApiState(Arc<Parts>);

/// What the state is made of.
pub struct Parts {
    /// The use cases.
    pub app: App,
    /// The API's settings.
    pub settings: Arc<ApiSettings>,
    /// The process's metrics.
    pub metrics: PrometheusHandle,
    /// The markets' answers.
    pub market_texts: MarketTexts,
    /// The open streams.
    pub connections: Connections,
    /// The feeds that come in over HTTP.
    pub feeds: Feeds,
    /// The word to end, and who has to hear it.
    pub ending: Ending,
}

impl ApiState {
    /// The state of these parts.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

impl Deref for ApiState {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.0
    }
}
