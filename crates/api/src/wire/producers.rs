//! Live producers of market data, on the wire.

use super::Time;
use super::names::ProducerState;
use overround_app::ProducerView;
use serde::Serialize;
use utoipa::ToSchema;

/// A live producer of market data.
#[derive(Debug, Serialize, ToSchema)]
pub struct Producer {
    /// Its name.
    #[schema(example = "uof:1")]
    pub name: String,
    /// What it is one of. The producers of a source may supply the same market, which one of them owns at a time.
    #[schema(example = "uof")]
    pub source: String,
    /// Whether it may be trusted: its markets are on sale only while it is `UP`.
    pub state: ProducerState,
    /// Why it is in that state.
    #[schema(example = "no sign of life of the producer uof:1 for 24000 ms")]
    pub reason: String,
    /// Since when.
    pub changed_at: Time,
    /// Its last sign of life, on the database's clock.
    pub seen_at: Option<Time>,
    /// How long its signs of life may be missing before it is declared down, in milliseconds.
    #[schema(example = 24_000)]
    pub silence_ms_max: i64,
    /// Counts the processes that have heard it.
    #[schema(example = 1)]
    pub epoch: i64,
}

impl From<ProducerView> for Producer {
    fn from(view: ProducerView) -> Self {
        let ProducerView { name, source, state, reason, changed_at, seen_at, silence_ms_max, epoch } = view;
        let (changed_at, seen_at) = (changed_at.into(), seen_at.map(Time));
        Self { name, source, state: state.into(), reason, changed_at, seen_at, silence_ms_max, epoch }
    }
}
